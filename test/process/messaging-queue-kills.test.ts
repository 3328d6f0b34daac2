import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { localAddress } from '../support/local-address.js'
import { newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
// @ts-expect-error: plain JavaScript, shared with scripts/messaging-kills.mjs
import { runKills } from './children/queue-kills/orchestrator.mjs'

/** The short form of scripts/messaging-kills.mjs. */
const KILLS = 15
const RUN_TIMEOUT_MS = 10 * 60_000

interface Outcome {
  readonly faults: readonly string[]
  readonly jobs: number
  readonly done: number
  readonly again: number
}

const run = runKills as (options: object) => Promise<Outcome>

beforeAll(() => ensureBuilt())

it.each([
  ['workers and pushers die', ['worker', 'worker', 'pusher']],
  ['the queue, workers and pushers die', ['queue', 'worker', 'pusher']],
])(
  'runs every job that a living queue holds at least once, and again only with a reason, while %s',
  async (_what, victims) => {
    const random = randomFrom(newSeed('queue kills'))
    const directory = temporaryDirectory()
    ownRuntimeDirectory(directory)
    const ledgers = join(directory, 'ledgers')
    mkdirSync(ledgers)
    const { faults, jobs, done } = await run({
      address: localAddress(directory),
      directory: ledgers,
      random,
      kills: KILLS,
      victims,
      store: undefined,
    })
    expect(faults).toEqual([])
    expect(jobs).toBeGreaterThan(10)
    expect(done).toBeGreaterThan(10)
  },
  RUN_TIMEOUT_MS,
)
