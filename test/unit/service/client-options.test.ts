import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { client } from '../../../src/service/client.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { failure, testContract } from '../../support/services.js'

const CONTRACT = testContract({ echo: 'unary' })

describe('the options of a client', () => {
  it.each([
    [{ timeout: 5 }, 'timeoutMs'],
    [{ contract: CONTRACT, name: 's' }, 'name'],
    [{ name: 5 }, 'name'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ whenUnavailable: 'never' }, 'whenUnavailable'],
    [{ waitForServer: 1 }, 'waitForServer'],
    [{ retries: 11 }, 'retries'],
    [{ retries: 1.5 }, 'retries'],
    [{ signal: {} }, 'signal'],
    [null, 'options'],
  ])('refuse %j', async (options, named) => {
    expect(await failure(client(createChannelPair()[0], options as never))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining(named) as string,
    })
  })
})
