// The figures of the demo, measured and checked by the code of `npm run bench`, in far less time.
import { styleText } from 'node:util'
import { loadBaseline, loadScenario } from '../../bench/support/catalog.mjs'
import { median } from '../../bench/support/figures.mjs'
import { showBytes, showNanos, showRate } from '../../bench/support/units.mjs'

const ROUNDS = 3
const DURATION = { warmUpMs: 120, durationMs: 240 }
const LABEL_COLUMNS = 26
const VALUE_COLUMNS = 9
const RANGE_COLUMNS = 22
const BAR_COLUMNS = 16

const roundTripNanos = ({ latencyNanos }) => latencyNanos.p50
const MEASURES = [
  ['Round trip, 64 B: less is better', 'round-trip', 64, roundTripNanos, showNanos],
  ['One way, 64 B: more is better', 'one-way', 64, (figures) => figures.messagesPerSecond, showRate],
  [
    'One way, 64 KiB: more is better',
    'one-way',
    65_536,
    (figures) => figures.bytesPerSecond,
    (bytes) => `${showBytes(bytes)}/s`,
  ],
]
const SHMWIRE = {
  shm: ['shmwire, shared memory', 'shmwire'],
  unix: ['shmwire, Unix socket', 'shmwire-socket'],
}
const SOCKETS = [
  ['net, a write per message', 'unix-socket-plain'],
  ['net, batched writes', 'unix-socket'],
]

/** Measures shmwire and plain sockets in turn; `serve` has the other process listen for these tasks. */
export async function measureAll({ pathOf, transport, serve, progress }) {
  const runs = MEASURES.flatMap(([title, scenarioName, messageBytes, pick, show], index) =>
    [SHMWIRE[transport], ...SOCKETS].map(([label, baselineName]) => {
      const path = pathOf(`${index}-${baselineName}`)
      const options = { messageBytes, ...DURATION }
      return {
        title,
        label,
        pick,
        show,
        found: [],
        task: { path, scenarioName, baselineName, options },
      }
    }),
  )
  await serve(runs.map(({ task }) => task))
  for (const run of runs) run.connection = await (await loadBaseline(run.task.baselineName)).connect(run.task)
  for (let round = 1; round <= ROUNDS; round += 1) {
    for (const { title, label, task, connection, found } of runs) {
      progress(`${title.split(':')[0]}: ${label}, round ${round} of ${ROUNDS}`)
      found.push(await (await loadScenario(task.scenarioName)).measure(connection, task.options))
    }
  }
  await Promise.all(runs.map(({ connection }) => connection.close()))
  return MEASURES.map(([title]) => ({ title, rows: runs.filter((run) => run.title === title).map(rowOf) }))
}

function rowOf({ label, pick, show, found }) {
  const values = found.map(pick)
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const cpuMicros = median(found.map((figures) => figures.cpuSecondsPerMillion.both))
  return { label, value: median(values), show, range: `${show(low)} – ${show(high)}`, cpuMicros }
}

/** One line for each row: the median, the range of the rounds, and a bar. */
export function printMeasure({ title, rows }) {
  const largest = Math.max(...rows.map(({ value }) => value))
  console.log(`\n   ${styleText('bold', title)}`)
  for (const { label, value, show, range } of rows) {
    const bar = '█'.repeat(Math.max(1, Math.round((value / largest) * BAR_COLUMNS)))
    const figures = `${label.padEnd(LABEL_COLUMNS)}${show(value).padStart(VALUE_COLUMNS)}`
    const color = label.startsWith('shmwire') ? 'cyan' : 'gray'
    console.log(`   ${figures}  ${range.padEnd(RANGE_COLUMNS)}${styleText(color, bar)}`)
  }
}
