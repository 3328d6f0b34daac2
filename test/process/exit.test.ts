import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Channel, ErrorCode, listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** An idle process ends within this time, even on a busy machine. */
const STAYS_MS = 1_500
/** A tenth of a core: a polling link takes all of one, a sleeping link almost nothing. */
const IDLE_CPU_MICROS_MAX = 100_000
/** A polling process yields its core thousands of times a second. */
const IDLE_SWITCHES_MAX = 500

beforeAll(() => ensureBuilt())

describe.each(['shm', 'socket'] as const)('over %s', (transport) => {
  let server: Server
  let channels: Channel[]
  let closes: Promise<Error | undefined>[]
  let messages: unknown[]
  let directory = ''

  beforeEach(async () => {
    directory = ownRuntimeDirectory()
    server = await listen('host', { transport })
    channels = []
    closes = []
    messages = []
    server.on('channel', (channel) => {
      channels.push(channel)
      closes.push(
        new Promise((resolve) => {
          channel.once('close', resolve)
        }),
      )
      channel.handle((value) => (value === 'never' ? new Promise(() => {}) : value))
      channel.on('message', (message) => {
        messages.push(message)
        if (message === 'echo') channel.trySend('echo')
        if (message === 'ask me') void ask(channel)
        if (message === 'one message and the end') {
          channel.trySend('held')
          void channel.close()
        }
      })
    })
  })

  async function ask(channel: Channel): Promise<void> {
    const outcome = channel.request('question').catch((error: { code: string }) => error.code)
    // The requester may have ended by then.
    await channel.send(await outcome).catch(() => {})
  }

  afterEach(async () => {
    await server.close()
  })

  function start(what: string, ...more: string[]): Child {
    return new Child('exit', { args: [what, 'host', transport, ...more], env: { SHMWIRE_DIR: directory } })
  }

  describe('a process stays alive', () => {
    it.each(['open', 'unref and ref'])(
      'while its channel is open (%s), and ends when the peer closes it',
      async (what) => {
        const child = start(what)
        expect(await child.next()).toBe('open')
        await sleep(STAYS_MS)
        expect(child.running).toBe(true)
        await channels[0]?.close()
        expect(await child.ended).toEqual({ code: 0, signal: null })
      },
    )

    it('while it listens', async () => {
      const child = start('server')
      expect(await child.next()).toBe('open')
      await sleep(STAYS_MS)
      expect(child.running).toBe(true)
    })
  })

  describe('a process ends by itself', () => {
    it.each([
      ['closed', 'closed', undefined],
      ['destroyed', 'destroyed', ErrorCode.PEER_GONE],
      ['unref', 'unref', ErrorCode.PEER_GONE],
      ['unref but in use', 'used', ErrorCode.PEER_GONE],
    ])('when its channel is %s', async (what, said, code) => {
      const child = start(what)
      expect(await child.next()).toBe(said)
      expect(await child.ended).toEqual({ code: 0, signal: null })
      expect(child.stderr).toBe('')
      const error = await closes[0]
      if (code === undefined) expect(error).toBeUndefined()
      else expect(error).toMatchObject({ code })
    })

    // A write that a pipe of Windows has no room for keeps the process, as with every socket of Node.js.
    it.skipIf(IS_WINDOWS && transport === 'socket')(
      'when its channel is unreferenced and its sends wait',
      async () => {
        const deaf = await listen('host-deaf', { transport, codec: 'bytes' })
        deaf.on('channel', () => {})
        const child = start('unref with waiting sends')
        expect(await child.ended).toEqual({ code: 0, signal: null })
        for (const channel of deaf.channels) channel.destroy()
        await deaf.close()
      },
    )

    it('after the close event, which comes although no listener takes the held message', async () => {
      const child = start('close with a held message')
      expect(await child.next()).toBe('closed')
      expect(await child.ended).toEqual({ code: 0, signal: null })
    })

    it.each(['sleep', 'spin'])("when its channel is unreferenced, with wait: '%s'", async (wait) => {
      const child = start('unref', wait)
      expect(await child.ended).toEqual({ code: 0, signal: null })
    })

    it.each(['server unref', 'server closed'])('with a %s', async (what) => {
      expect(await start(what).ended).toEqual({ code: 0, signal: null })
    })
  })

  describe('a listener or handler', () => {
    it('can call process.exit; a message sent just before arrives over shared memory', async () => {
      const child = start('exit in a listener')
      expect(await child.ended).toEqual({ code: 7, signal: null })
      expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
      if (transport === 'shm') expect(messages).toEqual(['echo', 'last words'])
    })

    it('can call process.exit: what send has resolved for arrives', async () => {
      const child = start('exit after sends')
      expect(await child.ended).toEqual({ code: 7, signal: null })
      expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
      expect(messages).toEqual(Array.from({ length: 1_000 }, (_, number) => number))
    })

    it('can call process.exit while it handles a request', async () => {
      const child = start('exit in a handler')
      expect(await child.ended).toEqual({ code: 7, signal: null })
      expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
    })

    it('ends the process with an uncaught exception when it throws', async () => {
      const child = start('throw in a listener')
      expect(await child.ended).toEqual({ code: 1, signal: null })
      expect(child.stderr).toContain('RangeError: the listener is at its end')
      expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
    })

    it('ends the process when it sends and throws; the messages arrive over shared memory', async () => {
      const child = start('throw after sending')
      expect(await child.ended).toEqual({ code: 1, signal: null })
      expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
      const lastWords = Array.from({ length: 100 }, (_, number) => `${number} of the last words`)
      if (transport === 'shm') expect(messages).toEqual(['echo', ...lastWords])
    })

    it('fails its request and keeps the process alive when a handler throws', async () => {
      const child = start('throw in a handler')
      expect(await child.next()).toBe(ErrorCode.REMOTE)
      expect(await child.ended).toEqual({ code: 0, signal: null })
      expect(child.stderr).toBe('')
    })
  })

  it('delivers all messages, then PEER_GONE, when a process is terminated while it closes', async () => {
    const child = start('terminated while it closes')
    expect(await child.next()).toBe('closing')
    child.process.kill('SIGTERM')
    expect(await child.ended).toEqual({ code: null, signal: 'SIGTERM' })
    expect(await closes[0]).toMatchObject({ code: ErrorCode.PEER_GONE })
    if (transport === 'shm') expect(messages).toEqual(['last words'])
  })

  it.each(['adaptive', 'sleep'])(
    "uses no CPU for an idle channel after it was busy, with wait: '%s'",
    async (wait) => {
      const child = start('idle', wait)
      const idle = await child.next<Record<string, number>>()
      console.log(`idle for a second, ${transport}, ${wait}: ${JSON.stringify(idle)}`)
      expect(idle['spins']).toBe(0)
      expect(idle['wakes']).toBe(0)
      expect(idle['cpuMicros']).toBeLessThan(IDLE_CPU_MICROS_MAX)
      expect(idle['switches']).toBeLessThan(IDLE_SWITCHES_MAX)
      await child.ended
    },
  )
})
