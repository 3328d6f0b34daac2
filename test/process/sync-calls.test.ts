import { beforeAll, describe, expect, it } from 'vitest'
import type { Channel, Server } from '../../dist/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { localAddress } from '../support/local-address.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

let listen: typeof import('../../dist/index.js')['listen']
beforeAll(async () => {
  ensureBuilt()
  ;({ listen } = await import('../../dist/index.js'))
})

interface Started {
  readonly server: Server
  readonly child: Child
  readonly channel: Channel
}

/** A server on the event loop of this process, and a child that blocks. `prepare` runs before messages can arrive. */
async function start(what: string, prepare: (channel: Channel) => void, transport = 'shm'): Promise<Started> {
  const address = localAddress(temporaryDirectory())
  const server = await listen(address, { ringBytes: 64 * 1024 })
  const accepted = new Promise<Channel>((resolve) => {
    server.once('channel', (channel) => {
      prepare(channel)
      resolve(channel)
    })
  })
  const child = new Child('blocking', { args: [what, address, transport] })
  const channel = await accepted
  expect(await child.next()).toBe('connected')
  return { server, child, channel }
}

describe('blocking calls', () => {
  it('receive replies from an event loop', async () => {
    const { server, child } = await start('requests', (channel) =>
      channel.handle((number: number) => number + 1),
    )
    expect(await child.next()).toEqual({ right: true })
    await child.ended
    await server.close()
  })

  it('send and receive messages, some of them longer than the ring', async () => {
    const { server, child } = await start('messages', (channel) => {
      channel.on('message', (message) => void channel.send(message))
    })
    expect(await child.next()).toEqual({ right: true })
    await child.ended
    await server.close()
  })

  it('send what is collected since cork before they wait', async () => {
    const { server, child } = await start('corked', (channel) => {
      channel.on('message', ({ number }) => number === 2 && void channel.send('both'))
    })
    expect(await child.next()).toEqual({ right: true })
    await child.ended
    await server.close()
  })

  it('end with TIMEOUT, send nothing after an invalid argument, and keep the channel open', async () => {
    const messages: unknown[] = []
    const { server, child, channel } = await start('timeouts', (accepted) => {
      accepted.on('message', (message) => messages.push(message))
      accepted.handle((message) => (message === 'never' ? new Promise(() => {}) : message))
    })
    const code = 'ERR_SHMWIRE_TIMEOUT'
    expect(await child.next()).toEqual({
      receive: { code },
      none: { code },
      request: { code },
      wrong: { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' },
      after: { value: 1 },
    })
    expect(messages).toEqual([])
    channel.destroy()
    await child.kill()
    await server.close()
  })

  it.each(['for ever', 'request for ever'])('end with CLOSED when the peer closes: %s', async (what) => {
    const { server, child, channel } = await start(what, (accepted) => {
      accepted.handle(() => new Promise(() => {}))
    })
    // An orderly close would wait for the reply, which never comes; this test needs the end of the peer.
    setTimeout(() => (what === 'for ever' ? void channel.close() : channel.destroy()), 50)
    const outcome = await child.next<Record<string, { code: string }>>()
    for (const { code } of Object.values(outcome)) {
      expect(code).toBe(what === 'for ever' ? 'ERR_SHMWIRE_CLOSED' : 'ERR_SHMWIRE_PEER_GONE')
    }
    await child.ended
    await server.close()
  })

  it.each([
    ['for ever', 'adaptive'],
    ['request for ever', 'adaptive'],
    ['short waits', 'adaptive'],
    ['for ever', 'sleep'],
    ['for ever', 'spin'],
    ['request for ever', 'spin'],
    ['short waits', 'spin'],
  ])("end with PEER_GONE when the peer is killed: %s, with wait: '%s'", async (what, wait) => {
    const address = localAddress(temporaryDirectory())
    const peer = new Child('quiet-server', { args: [address], ipc: true })
    expect(await peer.next()).toBe('listening')
    const child = new Child('blocking', { args: [what, address, 'shm', wait] })
    expect(await child.next()).toBe('connected')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await peer.kill()
    const outcome = await child.next<Record<string, { code: string }>>()
    for (const { code } of Object.values(outcome)) expect(code).toBe('ERR_SHMWIRE_PEER_GONE')
    await child.ended
  })

  it('fail with BACKLOG at the limit of held messages, and lose none', async () => {
    const count = 300
    const filling = 'x'.repeat(1024 * 1024)
    const { server, child } = await start('behind messages', (channel) => {
      channel.handle(async (what) => {
        if (what === 'one') return what
        for (let number = 0; number < count; number += 1) await channel.send({ number, filling })
        await channel.send({ number: 'end' })
        return what
      })
    })
    expect(await child.next()).toEqual({
      request: { code: 'ERR_SHMWIRE_BACKLOG' },
      right: true,
      received: count,
      after: { value: 'one' },
    })
    await child.ended
    await server.close()
  })

  it('fail with UNAVAILABLE over the socket and send nothing', async () => {
    const messages: unknown[] = []
    const listening = (channel: Channel): void => {
      channel.on('message', (message) => messages.push(message))
      channel.handle((message) => messages.push(message))
    }
    const { server, child } = await start('over the socket', listening, 'socket')
    const code = 'ERR_SHMWIRE_UNAVAILABLE'
    expect(await child.next()).toEqual({ receive: { code }, send: { code }, request: { code } })
    await child.ended
    await server.close()
    expect(messages).toEqual([])
  })
})
