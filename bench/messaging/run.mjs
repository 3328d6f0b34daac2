// Measures topics, cells and queues: each row runs its setups in turn, in pairs, and prints ratios of medians.
//   node bench/messaging/run.mjs [--pairs 5] [--seconds 2] [--only ROW] [--json FILE]
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeMachine } from '../support/machine.mjs'
import { installPackages } from '../support/packages.mjs'
import { cellRow } from './cell.mjs'
import { publisherRow } from './publisher.mjs'
import { queueRow } from './queue.mjs'
import { topicRow } from './topic.mjs'

const ROWS = [topicRow, publisherRow, cellRow, queueRow]

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    json: { type: 'string' },
  },
})
const fault = installPackages()
if (fault !== undefined) throw new Error(`the packages of the competitors cannot be installed: ${fault}`)
const machine = describeMachine(process.execPath)
console.log(
  `${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}, load ${machine.loadAverage}`,
)
const results = []
for (const row of ROWS.filter(({ name }) => name.includes(values.only))) {
  const samples = await measure(row)
  results.push({ name: row.name, samples })
  console.log(`${row.name}:`)
  for (const figure of row.figures) console.log(`  ${describe(figure, samples)}`)
}
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, results }, null, 2)}\n`)

/** The first round of each setup warms it up, and is dropped. */
async function measure({ setups }) {
  const entries = Object.entries(setups)
  const samples = Object.fromEntries(entries.map(([name]) => [name, []]))
  for (let pair = 0; pair <= Number(values.pairs); pair += 1) {
    for (const [name, run] of entries) {
      const sample = await run(pair === 0 ? 0.5 : Number(values.seconds))
      if (pair > 0) samples[name].push(sample)
    }
  }
  return samples
}

function describe({ label, key, unit, digits = 0, ratio }, samples) {
  const names = Object.keys(samples)
  const medians = names.map((name) => median(samples[name].map((sample) => sample[key])))
  const listed = names.map((name, index) => `${name} ${medians[index].toFixed(digits)}`).join(', ')
  if (ratio === undefined) return `${label}: ${listed} ${unit}`
  const [over, under] = ratio
  const pairs = samples[over].map((sample, index) => sample[key] / samples[under][index][key])
  return `${label}: ${listed} ${unit}; ${over} against ${under} ${median(pairs).toFixed(2)} (${Math.min(...pairs).toFixed(2)} to ${Math.max(...pairs).toFixed(2)})`
}

function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}
