// Cuts the power of a process that writes to a store, at random moments, and checks what a new process finds.
//   npm run power-cuts                               5,000 cuts
//   npm run power-cuts -- --count 50 --seed 7        50 cuts, the same ones as in the run that printed this seed
//   npm run power-cuts -- --lies 1                   with a disk that ignores syncs, which must fail
// A library records what the process does with its files. A simulated disk then loses a random part of what was not synced: scripts/power/disk.mjs.
// The last line is `N passed, N failed`.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SqliteStore } from '../build/modules/engine/sqlite/sqlite-store.js'
import { newModel } from '../test/process/children/power/stored-model.mjs'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { Disk } from './power/disk.mjs'
import { Oracle } from './power/oracle.mjs'
import { compileRecorder, recordWrites } from './power/record.mjs'
import { Action } from './power/trace.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'

/** A record has so many moments that more cuts need another record. */
const CUTS_OF_RECORD = 500
/** The simulated disk is what counts. */
const MEMORY = '/dev/shm'
const CALLS = 150
const SESSIONS = 3

const { count, seed, lies } = numbersFromArguments({ count: 5000, seed: newSeed(), lies: undefined })
console.log(`${count} cuts: --seed ${seed}`)
const scratch = realpathSync(mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'sw-')))
let passed = 0
let failed = 0
let required = 0
try {
  const library = compileRecorder(scratch)
  for (let first = 0; first < count; first += CUTS_OF_RECORD)
    await cutRecord(library, seed + first, Math.min(CUTS_OF_RECORD, count - first))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
console.log(`${required} acknowledged calls were required`)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || required === 0 ? 1 : 0

/** Records one run of the writer, and cuts it at so many moments. */
async function cutRecord(library, recordSeed, cuts) {
  const folder = join(scratch, String(recordSeed))
  mkdirSync(folder)
  const actions = recordWrites(library, folder, { seed: recordSeed, calls: CALLS, sessions: SESSIONS })
  const bits = randomBits(recordSeed)
  const below = (limit) => bits() % limit
  const moments = Array.from({ length: cuts }, () => below(actions.length + 1)).toSorted((a, b) => a - b)
  const disk = new Disk()
  const oracle = new Oracle(newModel())
  const marks = actions.find(
    ({ action, data }) => action === Action.CREATE && data.toString() === 'marks',
  ).file
  let done = 0
  for (const moment of moments) {
    for (; done < moment; done += 1) {
      if (actions[done].action === Action.SYNC && lies !== undefined) continue
      if (actions[done].file !== marks) disk.apply(actions[done])
      else if (actions[done].action === Action.WRITE) oracle.read(actions[done].data)
    }
    required += oracle.acknowledged
    const fault = await faultAfter(disk.contents(below), oracle)
    if (fault === undefined) passed += 1
    else {
      failed += 1
      console.error(`seed ${recordSeed}, after action ${moment} of ${actions.length}: ${fault}`)
    }
  }
  rmSync(folder, { recursive: true, force: true })
}

/** Opens the files as the next process would, and once more after that. */
async function faultAfter(contents, oracle) {
  const folder = join(scratch, 'after')
  mkdirSync(folder)
  try {
    for (const [name, content] of contents) writeFileSync(join(folder, name), content)
    const found = await contentsIn(folder)
    const again = await contentsIn(folder)
    if (again.jobs.length !== found.jobs.length) return 'the store has changed without a write'
    return oracle.fault(found)
  } catch (error) {
    return `${error.message} (${[...contents].map(([name, { length }]) => `${name} ${length}`).join(', ')})`
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

async function contentsIn(folder) {
  const store = new SqliteStore(join(folder, 'jobs.sqlite'), { thread: false })
  const contents = await store.load()
  await store.close()
  return contents
}
