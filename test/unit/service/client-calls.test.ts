import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import type { Interceptor } from '../../../src/service/interceptors.js'
import { serve } from '../../../src/service/serve.js'
import { createChannelPair } from '../../../src/testing/channel-pair.js'
import { failure, type TestClient, type TestClientOptions, testClient } from '../../support/services.js'

async function opened(options: TestClientOptions = {}): Promise<TestClient<'echo'>> {
  const [left, right] = createChannelPair()
  await serve(right, { echo: (message: unknown) => message })
  return testClient<'echo'>(left, options)
}

describe('a client without a contract', () => {
  it('is an object like any other for the language', async () => {
    const calls = await opened()
    expect(JSON.stringify({ calls })).toContain('$channel')
    // oxlint-disable-next-line typescript/no-base-to-string -- this is the test
    expect(String(calls)).toBe('[object Object]')
    expect(Object.hasOwn(calls, '$close')).toBe(true)
    expect(inspect(calls)).toContain('$close')
    expect(await calls.echo(1)).toBe(1)
  })
})

describe('the options of a call', () => {
  it.each([{}, null, 5, { signal: new AbortController().signal, remainingMs: 1, metadata: {} }])(
    'refuse %j as a context',
    async (context) => {
      const calls = await opened()
      expect(await failure(calls.echo(1, { context: context as never }))).toMatchObject({
        code: ErrorCode.INVALID_ARGUMENT,
        message: expect.stringContaining('it must be the context of a handler') as string,
      })
    },
  )
})

describe('an interceptor', () => {
  it.each<[string, Interceptor]>([
    ['the result of an interceptor is undefined', (() => undefined) as never],
    ['the answer of an interceptor is undefined', (() => async () => undefined) as never],
    ['the answer of an interceptor is [object Object]', (() => async () => ({ message: 1 })) as never],
  ])('that returns something else fails the call: %s', async (message, interceptor) => {
    const calls = await opened({ interceptors: [interceptor] })
    expect(await failure(calls.echo(1))).toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining(message) as string,
    })
  })
})
