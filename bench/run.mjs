// Measures shmwire against what one would use without it: two real processes, competitors in turn.
//
//   npm run bench -- [--quick] [--only SCENARIO] [--repeat N] [--node PATH] [--json FILE]
//
//   --quick      short repetitions and few of them: to see that it works, not to quote
//   --only       one scenario of bench/scenarios
//   --repeat     repetitions of each competitor in each scenario
//   --node       the runtime to measure; default the one that runs this
//   --json       where the figures go; default bench/results/latest.json, of a partial run bench/results/partial.json
//
// Exit code 1: a competitor could not be measured, or with all of it measured a target was missed.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { loadBaseline, loadScenario, namesIn } from './support/catalog.mjs'
import { median, medianFigures, spread } from './support/figures.mjs'
import { describeCommit, describeMachine } from './support/machine.mjs'
import { runPair } from './support/pair.mjs'
import { reportScenario, sentenceOf } from './support/report.mjs'

/** Everything is compared with this one. */
const REFERENCE = 'unix-socket-plain'
const WHOLE = { repetitions: 9, warmUpMs: 500, durationMs: 2000 }
const QUICK = { repetitions: 3, warmUpMs: 200, durationMs: 400 }

const options = readOptions()
const machine = describeMachine(options.node)
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}`)
if (machine.loadAverage >= 0.5)
  console.log(`The machine was busy before: load average ${machine.loadAverage}.`)

const scenarios = []
for (const name of options.scenarioNames) {
  const result = await runScenario(name)
  scenarios.push(result)
  console.log(reportScenario(result).join('\n'))
}
const verdicts = scenarios.filter((result) => result.verdict !== undefined)
if (verdicts.length > 1) console.log(`\n${verdicts.map(sentenceOf).join('\n')}`)
write({
  format: 1,
  date: new Date().toISOString(),
  commit: describeCommit(),
  quick: options.quick,
  machine,
  scenarios,
})

const failed = scenarios.some(({ competitors }) => competitors.some(({ error }) => error !== undefined))
process.exitCode = failed || verdicts.some(({ verdict }) => !verdict.reached) ? 1 : 0

async function runScenario(name) {
  const scenario = await loadScenario(name)
  const { title, question, messageBytes, latency, headline, target } = scenario
  const { repetitions, warmUpMs, durationMs } = options
  const runs = new Map(namesIn('baselines').map((baseline) => [baseline, { found: [], error: undefined }]))
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const baselineName of inTurn([...runs.keys()], repetition)) {
      const run = runs.get(baselineName)
      if (run.error !== undefined) continue
      showProgress(`${title}: ${baselineName}, ${repetition + 1} of ${repetitions}`)
      try {
        const task = { node: options.node, scenarioName: name, baselineName }
        run.found.push(await runPair({ ...task, options: { messageBytes, warmUpMs, durationMs } }))
      } catch (error) {
        run.error = error.message
      }
    }
  }
  showProgress('')
  const competitors = await Promise.all(
    [...runs].map(([baseline, run]) => summarize(baseline, run, headline)),
  )
  const reference = competitors.find((competitor) => competitor.name === REFERENCE)
  for (const competitor of competitors) competitor.ratio = ratioOf(competitor, reference, headline)
  const result = {
    name,
    title,
    question,
    messageBytes,
    latency,
    warmUpMs,
    durationMs,
    headline,
    target,
    competitors,
  }
  return target === undefined ? result : { ...result, verdict: judge(result) }
}

/** Another one begins each time: so none always runs behind the same neighbour. */
function inTurn(names, repetition) {
  const first = repetition % names.length
  return [...names.slice(first), ...names.slice(0, first)]
}

async function summarize(name, { found, error }, headline) {
  const { title } = await loadBaseline(name)
  if (error !== undefined || found.length === 0) return { name, title, error: error ?? 'no repetition' }
  const repetitions = found.map(({ figures }) => figures)
  const values = repetitions.map(headline.of)
  const { relative, noisy } = spread(values)
  return {
    name,
    title,
    transport: found[0].transport,
    headline: median(values),
    spread: relative,
    noisy,
    median: medianFigures(repetitions),
    repetitions,
  }
}

/** Of medians; above 1 is better than the reference. */
function ratioOf(competitor, reference, { unit }) {
  if (competitor.error !== undefined || reference?.error !== undefined) return undefined
  return unit === 'nanoseconds'
    ? reference.headline / competitor.headline
    : competitor.headline / reference.headline
}

function judge({ target, competitors, headline }) {
  const one = competitors.find(({ name }) => name === target.competitor)
  const other = competitors.find(({ name }) => name === target.against)
  const ratio = ratioOf(one, other, headline)
  const comparison =
    headline.unit === 'nanoseconds'
      ? `times shorter with ${one.title} than with ${other.title}`
      : `times as many with ${one.title} as with ${other.title}`
  return { ratio, comparison, reached: ratio !== undefined && ratio >= target.ratioMin }
}

function showProgress(text) {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${text}`)
}

function write(results) {
  mkdirSync(dirname(options.file), { recursive: true })
  writeFileSync(options.file, `${JSON.stringify(results, null, 2)}\n`)
}

function readOptions() {
  const names = namesIn('scenarios')
  const { quick, only, repeat, node, json } = parse()
  if (only !== undefined && !names.includes(only))
    usage(`--only ${only}: the scenarios are ${names.join(', ')}`)
  const lengths = quick ? QUICK : WHOLE
  const repetitions = repeat === undefined ? lengths.repetitions : Number(repeat)
  if (!Number.isInteger(repetitions) || repetitions < 1) usage(`--repeat ${repeat}: an integer from 1`)
  const file = quick || only !== undefined ? 'partial.json' : 'latest.json'
  return {
    ...lengths,
    quick,
    repetitions,
    node: node ?? process.execPath,
    scenarioNames: only === undefined ? names : [only],
    file: json ?? fileURLToPath(new URL(`results/${file}`, import.meta.url)),
  }
}

function parse() {
  const text = { type: 'string' }
  try {
    const config = {
      quick: { type: 'boolean', default: false },
      only: text,
      repeat: text,
      node: text,
      json: text,
    }
    return parseArgs({ options: config }).values
  } catch (error) {
    return usage(error.message)
  }
}

function usage(fault) {
  console.error(
    `${fault}\nusage: npm run bench -- [--quick] [--only SCENARIO] [--repeat N] [--node PATH] [--json FILE]`,
  )
  process.exit(2)
}
