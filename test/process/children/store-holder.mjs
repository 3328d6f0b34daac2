// Opens a store and writes jobs until a write fails, or the process is killed:
//   node store-holder.mjs PATH JOBS BYTES
// Reports how it opened, and then the numbers of the jobs that were acknowledged with the errors that followed.
import { SqliteStore } from '../../../build/modules/engine/sqlite/sqlite-store.js'
import { recordOf } from './power/stored-model.mjs'

const [path, jobs, bytes] = process.argv.slice(2)
const report = (value) => console.log(JSON.stringify(value))
const failureOf = ({ code, message, executed }) => ({ code, message, executed })

const store = new SqliteStore(path)
try {
  const { jobs: found } = await store.load()
  report({ opened: true, jobs: found.length })
} catch (error) {
  report(failureOf(error))
  process.exit()
}

const acknowledged = []
const failures = []
for (let sequence = 1; sequence <= Number(jobs) && failures.length === 0; sequence += 2) {
  // Two transactions: the second one waits for the first.
  const first = write(sequence)
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  await Promise.all([first, write(sequence + 1)])
}
if (failures.length > 0) await write(0)
report({ acknowledged, failures })
// A process that holds the store is killed.
if (failures.length === 0) setInterval(() => {}, 60_000)
else await store.close()

async function write(sequence) {
  try {
    await store.write([{ type: 'add', job: recordOf(sequence, Number(bytes)), dueAtMs: 0 }])
    acknowledged.push(sequence)
  } catch (error) {
    failures.push(failureOf(error))
  }
}
