import { beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript, shared with scripts/messaging-kills.mjs
import { runKills } from '../../process/children/queue-kills/orchestrator.mjs'
import { ensureBuilt } from '../../support/build.js'
import { NATS_REASON, NATS_VERSION } from '../../support/nats-server.js'
import { countFromEnvironment, newSeed, randomFrom } from '../../support/random.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

/** The short form of `node scripts/messaging-kills.mjs --engine nats`. */
const KILLS = countFromEnvironment('SHMWIRE_KILLS', 5)
const TIMEOUT_MS = 10 * 60_000 + KILLS * 8_000

interface Outcome {
  readonly faults: readonly string[]
  readonly jobs: number
  readonly done: number
  readonly messages: number
}

const run = runKills as (options: object) => Promise<Outcome>

beforeAll(() => ensureBuilt())

describe.skipIf(NATS_VERSION === undefined)(`JetStream and kills${NATS_REASON}`, () => {
  it.each([
    ['nats-server dies', ['server']],
    [
      'nats-server, workers, pushers and publishers die',
      ['server', 'server', 'worker', 'pusher', 'publisher'],
    ],
  ])(
    'runs every job that was acknowledged, and delivers every message of a topic once and in order, while %s',
    { timeout: TIMEOUT_MS },
    async (_what, victims) => {
      const random = randomFrom(newSeed('kills of nats-server'))
      const { faults, jobs, done, messages } = await run({
        address: 'kills',
        directory: temporaryDirectory(),
        random,
        kills: KILLS,
        victims,
        store: undefined,
        engine: 'nats',
      })
      expect(faults).toEqual([])
      expect(jobs).toBeGreaterThan(10)
      expect(done).toBeGreaterThan(10)
      expect(messages).toBeGreaterThan(10)
    },
  )
})
