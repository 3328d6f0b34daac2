import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ClientMembers, client, connect, ErrorCode, serve } from '../../src/index.js'
import { PROTOCOL_MAJOR, PROTOCOL_MINOR } from '../../src/wire/preamble.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

type Echo = ClientMembers & { echo(message: unknown): Promise<unknown> }

const NEXT_MINOR = { PROTOCOL_MINOR: PROTOCOL_MINOR + 1, FEATURES: ['calls', 'later'] }
const NEXT_MAJOR = { PROTOCOL_MAJOR: PROTOCOL_MAJOR + 1 }
/** A version without calls. */
const EARLIER = { FEATURES: [] }

beforeAll(() => ensureBuilt())
beforeEach(() => {
  ownRuntimeDirectory()
})

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  async function skewedServer(constants: object): Promise<void> {
    const server = new Child('skewed', {
      args: ['server', 'skew', transport, JSON.stringify(constants)],
      ipc: true,
    })
    expect(await server.next()).toBe('listening')
  }

  function skewedClient(constants: object): Promise<Record<string, unknown>> {
    const child = new Child('skewed', {
      args: ['client', 'skew', transport, JSON.stringify(constants)],
      ipc: true,
    })
    return child.next()
  }

  const channel = { transport }
  const handlers = { echo: (message: unknown) => message }

  it('a client calls a server of the next minor version', async () => {
    await skewedServer(NEXT_MINOR)
    const service = await client<Echo>('skew', { channel })
    expect(await service.echo(7)).toBe(7)
    expect(service.$channel?.transport).toBe(transport === 'shm' ? 'shm' : SOCKET_TRANSPORT)
    await service.$close()
  })

  it('a server answers a client of the next minor version', async () => {
    const service = await serve('skew', handlers, { channel })
    expect(await skewedClient(NEXT_MINOR)).toEqual({
      answer: 7,
      transport: transport === 'shm' ? 'shm' : SOCKET_TRANSPORT,
    })
    await service.close()
  })

  it('a client reports VERSION about a server of the next major version', async () => {
    await skewedServer(NEXT_MAJOR)
    const expected = {
      code: ErrorCode.VERSION,
      message: expect.stringContaining(`protocol version ${PROTOCOL_MAJOR + 1}`),
    }
    await expect(client('skew', { channel })).rejects.toMatchObject(expected)
    await expect(client('skew', { channel, waitForServer: true })).rejects.toMatchObject(expected)
  })

  it('a client of the next major version reports VERSION, and the server serves the others', async () => {
    const service = await serve('skew', handlers, { channel })
    expect(await skewedClient(NEXT_MAJOR)).toEqual({
      code: ErrorCode.VERSION,
      message: expect.stringContaining(`protocol version ${PROTOCOL_MAJOR}`),
    })
    const own = await client<Echo>('skew', { channel })
    expect(await own.echo(7)).toBe(7)
    await own.$close()
    await service.close()
  })

  it('a call to a server without calls fails with VERSION, and the channel continues', async () => {
    await skewedServer(EARLIER)
    const connected = await connect('skew', channel)
    const service = await client<Echo>(connected)
    const expected = { code: ErrorCode.VERSION, status: 'FAILED_PRECONDITION', executed: 'no' }
    await expect(service.echo(7)).rejects.toMatchObject(expected)
    await expect(service.$ping()).rejects.toMatchObject(expected)
    expect(await connected.request('still there?')).toBe('still there?')
    await connected.close()
  })

  it('a call to a client without calls fails with VERSION, and the channel continues', async () => {
    const service = await serve('skew', handlers, { channel })
    const outcome = new Promise<unknown>((resolve) => {
      service.server?.once('channel', (accepted) => {
        const call = client<Echo>(accepted).then((own) => own.echo(7))
        resolve(call.catch((error: unknown) => error))
      })
    })
    expect(await skewedClient(EARLIER)).toMatchObject({ answer: 7 })
    expect(await outcome).toMatchObject({ code: ErrorCode.VERSION, executed: 'no' })
    await service.close()
  })
})
