// Changes a store at random, and marks in a file which calls have begun and which were acknowledged:
//   node store-writer.mjs FOLDER SEED CALLS SESSIONS
// CALLS in each session. A session opens the store, checks its contents and closes it. CALLS 0 is one session without an end.
import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { SqliteStore } from '../../../../build/modules/engine/sqlite/sqlite-store.js'
import { RandomChanges } from './random-changes.mjs'
import { apply, changeOf, difference, modelOf } from './stored-model.mjs'

const LANES = 6
/** Few pages, so that the log is copied to the file often. */
const CHECKPOINT_PAGES = 40

const [folder, seed, callsText, sessionsText] = process.argv.slice(2)
const calls = callsText === '0' ? Number.POSITIVE_INFINITY : Number(callsText)
const path = join(folder, 'jobs.sqlite')
const marks = openSync(join(folder, 'marks'), 'a')
let number = 0
let model
let changes

for (let session = 0; session < Number(sessionsText); session += 1) {
  const store = new SqliteStore(path, { checkpointPages: CHECKPOINT_PAGES, thread: session % 2 === 0 })
  const contents = await store.load()
  if (model === undefined) {
    model = modelOf(contents)
    changes = new RandomChanges(Number(seed), model)
    process.stdout.write('ready\n')
  }
  const fault = difference(model, contents)
  if (fault !== undefined) throw new Error(`session ${session}: ${fault}`)
  const end = number + calls
  await Promise.all(Array.from({ length: LANES }, () => lane(store, end)))
  await store.close()
}

async function lane(store, end) {
  while (number < end) {
    number += 1
    const own = number
    const call = changes.next()
    for (const change of call) apply(model, change)
    mark({ begun: own, call })
    await store.write(call.map(changeOf))
    mark({ acknowledged: own })
  }
}

function mark(line) {
  writeSync(marks, `${JSON.stringify(line)}\n`)
}
