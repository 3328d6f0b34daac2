import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { countFromEnvironment, newSeed } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const EXCHANGES = countFromEnvironment('SHMWIRE_EXCHANGES', 20_000)
const TIMEOUT_MS = 120_000 + EXCHANGES * 5

beforeAll(() => ensureBuilt())

// A lost wake-up leaves both sides asleep for ever, because no watchdog hides it.
it.each([
  ['shm', 'sleep'],
  ['shm', 'adaptive'],
  ['socket', 'adaptive'],
])(
  `loses no wake-up in ${EXCHANGES} exchanges with random gaps, over %s with wait: '%s'`,
  async (transport, wait) => {
    const seed = newSeed('gaps')
    const env = { SHMWIRE_DIR: temporaryDirectory() }
    const args = ['gaps', transport, wait, EXCHANGES]
    const server = new Child('ping-pong', { args: ['listen', ...args, seed], env, ipc: true })
    expect(await server.next()).toBe('listening')
    const client = new Child('ping-pong', { args: ['connect', ...args, seed ^ 0x55555555], env, ipc: true })
    const stats = await client.next<{ messagesReceived: number; wakesSent: number; wakesReceived: number }>()
    expect(stats.messagesReceived).toBe(EXCHANGES)
    if (transport === 'shm') {
      console.log(`wakes: ${stats.wakesSent} sent, ${stats.wakesReceived} received`)
      // The exchanges needed wake-ups.
      expect(stats.wakesReceived).toBeGreaterThan(0)
    }
    const ended = { code: 0, signal: null }
    expect(await Promise.all([client.ended, server.ended])).toEqual([ended, ended])
  },
  TIMEOUT_MS,
)
