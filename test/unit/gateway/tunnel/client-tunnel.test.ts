import { afterEach, describe, expect, it } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import { ClientTunnel } from '../../../../src/gateway/tunnel/client-tunnel.js'
import {
  decodeNext,
  decodeRequest,
  encodeMessage,
  type Start,
} from '../../../../src/gateway/tunnel/tunnel-message.js'
import { connectionPair, type FakeConnection } from '../../../support/tunnel-wire.js'
import { eventually, turns } from '../../../support/turns.js'

const BOUNDS = { bufferBytes: 65_536, windowBytes: 65_536, resumeMs: 60_000 }
const ACCEPTED = { kind: 'accepted', received: 0, limit: 65_536, instanceId: 'abc' } as const

/** A tunnel whose dialled connections the test answers. */
class Client {
  readonly dialled: FakeConnection[] = []
  readonly tunnel: ClientTunnel

  constructor(bounds: Partial<typeof BOUNDS> = {}) {
    const dial = (): FakeConnection => {
      const [near, far] = connectionPair()
      this.dialled.push(near)
      near.capacity = 100
      far.capacity = 100
      return near
    }
    this.tunnel = new ClientTunnel({ ...BOUNDS, ...bounds, dial, name: 'prices', bootId: 'boot' })
    this.tunnel.stream.on('error', () => {})
    this.tunnel.accepted.catch(() => {})
  }

  get last(): FakeConnection {
    return this.dialled.at(-1) as FakeConnection
  }

  start(): Start {
    return decodeRequest(this.last.queue.shift() as Buffer) as Start
  }

  answer(message: Parameters<typeof encodeMessage>[0]): void {
    this.last.events.message(encodeMessage(message))
  }

  async attempts(count: number): Promise<void> {
    await eventually(() => this.dialled.length >= count)
  }
}

const clients: Client[] = []
function newClient(bounds?: Partial<typeof BOUNDS>): Client {
  const client = new Client(bounds)
  clients.push(client)
  return client
}

afterEach(() => {
  for (const { tunnel } of clients.splice(0)) tunnel.stream.destroy()
})

describe('the client of a tunnel', () => {
  it('begins a session with a random id, and resumes it with the same one', async () => {
    const client = newClient()
    const first = client.start()
    expect(first).toMatchObject({ name: 'prices', resume: false, bootId: 'boot', received: 0, limit: 65_536 })
    client.answer(ACCEPTED)
    expect(await client.tunnel.accepted).toMatchObject({ instanceId: 'abc' })
    client.last.lose()
    await client.attempts(2)
    const second = client.start()
    expect(second).toMatchObject({ name: '', resume: true, bootId: '' })
    expect(second.session.equals(first.session)).toBe(true)
    expect(new Set(second.session).size).toBeGreaterThan(4)
  })

  it('continues after several attempts that fail', async () => {
    const client = newClient()
    client.start()
    client.answer(ACCEPTED)
    client.tunnel.stream.write('abc')
    await turns(2)
    client.last.lose()
    for (let attempt = 2; attempt < 6; attempt += 1) {
      await client.attempts(attempt)
      client.last.lose(new ShmwireError(ErrorCode.NOT_LISTENING, 'nothing'))
    }
    await client.attempts(6)
    client.start()
    client.answer({ ...ACCEPTED, received: 1 })
    await turns(2)
    expect(decodeNext(client.last.queue[0] as Buffer)).toMatchObject({ position: 1, data: Buffer.from('bc') })
  })

  it.each([
    [
      'an error of the gateway',
      { kind: 'close', error: new ShmwireError(ErrorCode.DENIED, 'no') } as const,
      ErrorCode.DENIED,
    ],
    ['a Close without an error', { kind: 'close', error: undefined } as const, ErrorCode.PEER_GONE],
    [
      'bytes before the answer',
      { kind: 'transfer', position: 0, data: Buffer.from('x'), end: false, received: 0, limit: 0 } as const,
      ErrorCode.CORRUPT,
    ],
  ])('fails with %s as the first answer', async (_what, answer, code) => {
    const client = newClient()
    client.answer(answer)
    await expect(client.tunnel.accepted).rejects.toMatchObject({ code })
    await turns(3)
    expect(client.tunnel.stream.errored).toMatchObject({ code })
    expect(client.last.ended).toBe(true)
  })

  it('does not connect again when the first connection fails', async () => {
    const client = newClient()
    client.last.lose(new ShmwireError(ErrorCode.NOT_LISTENING, 'nothing'))
    await expect(client.tunnel.accepted).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(client.dialled.length).toBe(1)
  })

  it.each([ErrorCode.DENIED, ErrorCode.PEER_GONE])(
    'ends when the gateway refuses to continue with %s',
    async (code) => {
      const client = newClient()
      client.start()
      client.answer(ACCEPTED)
      client.tunnel.stream.resume()
      client.last.lose()
      await client.attempts(2)
      client.answer({ kind: 'close', error: new ShmwireError(code, 'no') })
      await turns(3)
      expect(client.tunnel.stream.errored).toMatchObject({ code })
    },
  )

  it('waits longer and longer while the gateway accepts and then ends every connection', async () => {
    const client = newClient()
    const accept = (): void => {
      client.start()
      client.answer(ACCEPTED)
    }
    accept()
    const startMs = performance.now()
    for (let attempt = 2; attempt < 9; attempt += 1) {
      client.last.lose()
      await client.attempts(attempt)
      accept()
    }
    expect(client.dialled.length).toBe(8)
    expect(performance.now() - startMs).toBeGreaterThan(50)
  })

  it('ends with PEER_GONE after resumeMs without a connection', async () => {
    const client = newClient({ resumeMs: 30 })
    client.start()
    client.answer(ACCEPTED)
    client.tunnel.stream.resume()
    client.last.lose()
    await eventually(() => client.tunnel.stream.destroyed)
    expect(client.tunnel.stream.errored).toMatchObject({ code: ErrorCode.PEER_GONE })
    // The connection that was not accepted yet.
    expect(client.last.ended).toBe(true)
  })

  it('passes ref and unref to this connection and the next one', async () => {
    const client = newClient()
    client.start()
    client.answer(ACCEPTED)
    client.tunnel.stream.unref()
    expect(client.last.referenced).toBe(false)
    client.last.lose()
    await client.attempts(2)
    expect(client.last.referenced).toBe(false)
    client.tunnel.stream.ref()
    expect(client.last.referenced).toBe(true)
  })
})
