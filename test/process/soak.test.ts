import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { countFromEnvironment, newSeed } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const COUNT = countFromEnvironment('SHMWIRE_SOAK_MESSAGES', 500_000)
const SOAK_TIMEOUT_MS = 30 * 60_000

beforeAll(() => ensureBuilt())

// The soak of the links (test/conformance) has both ends in one thread; here they run in parallel.
it.each(['shm', 'socket'])(
  `exchanges ${COUNT} intact messages in each direction between two processes over %s`,
  async (transport) => {
    const seed = newSeed(`two processes over ${transport}`)
    const env = { SHMWIRE_DIR: temporaryDirectory() }
    const server = new Child('soak', { args: ['listen', 'soak', transport, COUNT, seed], env, ipc: true })
    expect(await server.next()).toBe('listening')
    const client = new Child('soak', { args: ['connect', 'soak', transport, COUNT, seed], env, ipc: true })
    expect(await Promise.all([client.next(), server.next()])).toEqual(['done', 'done'])
    const ended = { code: 0, signal: null }
    expect(await Promise.all([client.ended, server.ended])).toEqual([ended, ended])
  },
  SOAK_TIMEOUT_MS,
)
