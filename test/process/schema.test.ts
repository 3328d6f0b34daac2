import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Channel } from '../../src/channel/channel.js'
import { connect } from '../../src/connect.js'
import { ErrorCode } from '../../src/errors.js'
import { listen } from '../../src/listen.js'
import type { MessageSchema } from '../../src/schema/schema.js'
import { localAddress } from '../support/local-address.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ORDER = z.object({ id: z.int(), tags: z.array(z.string()).default([]) })
const JSON_ORDER = { type: 'object', properties: { id: { type: 'integer' } }, required: ['id'] }

describe('the option schema', () => {
  async function join(
    schema: MessageSchema,
  ): Promise<[client: Channel, served: Channel, close: () => Promise<void>]> {
    const server = await listen(localAddress(temporaryDirectory()), { schema })
    const accepted = once(server, 'channel') as Promise<[Channel]>
    const client = await connect(server.address)
    const [served] = await accepted
    return [client, served, () => server.close()]
  }

  it('gives listeners and the handler the result, with defaults', async () => {
    const [client, served, close] = await join(ORDER)
    const message = once(served, 'message')
    served.handle((request) => request)
    await client.send({ id: 1 })
    expect(await message).toEqual([{ id: 1, tags: [] }])
    expect(await client.request({ id: 2 })).toEqual({ id: 2, tags: [] })
    await close()
  })

  it.each([
    ['Standard Schema', ORDER],
    ['JSON Schema', JSON_ORDER],
  ])('refuses a wrong request, and ends the channel at a wrong message: %s', async (_kind, schema) => {
    const [client, served, close] = await join(schema)
    served.handle((request) => request)
    await expect(client.request({ id: 'x' })).rejects.toMatchObject({
      code: ErrorCode.REMOTE,
      remoteCode: ErrorCode.CODEC,
      cause: { code: ErrorCode.CODEC, cause: { details: { fieldViolations: [{ field: 'id' }] } } },
    })
    const closed = new Promise((resolve) => {
      served.once('close', resolve)
    })
    await client.send({ id: 1.5 })
    expect(await closed).toMatchObject({
      code: ErrorCode.CODEC,
      cause: { details: { fieldViolations: [{ field: 'id' }] } },
    })
    await close()
  })

  it('inserts the default values of a JSON Schema, and does not check its formats', async () => {
    const day = { type: 'string', format: 'date' }
    const [client, served, close] = await join({
      type: 'object',
      properties: { day, tags: { type: 'array', default: [] } },
    })
    served.handle((request) => request)
    expect(await client.request({ day: 'x' })).toEqual({ day: 'x', tags: [] })
    await close()
  })

  it('reports a schema that validates asynchronously at the first message', async () => {
    const [client, served, close] = await join(z.object({}).refine(() => Promise.resolve(true)))
    served.handle((request) => request)
    await expect(client.request({})).rejects.toMatchObject({
      remoteCode: ErrorCode.CODEC,
      message: expect.stringContaining('the option schema validates asynchronously') as string,
    })
    await close()
  })

  it('checks what the peer sends only', async () => {
    const [client, served, close] = await join(ORDER)
    const message = once(client, 'message')
    await served.send('anything')
    expect(await message).toEqual(['anything'])
    client.handle(() => 'any reply')
    expect(await served.request('any request')).toBe('any reply')
    await close()
  })

  it('rejects a value that is not a schema', async () => {
    const schema = 'text' as unknown as MessageSchema
    await expect(listen(localAddress(temporaryDirectory()), { schema })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })
})
