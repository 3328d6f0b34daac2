import { median, medianFigures, spread } from './figures.mjs'
import { runNative } from './native.mjs'
import { runPair, runSetup } from './pair.mjs'

/** The reference of the ratios, unless the scenario names another one. */
export const REFERENCE = 'unix-socket-plain'

/**
 * Measures one table: all competitors in turn, then all again. A failed one is not repeated.
 * @param {(text: string) => void} showProgress
 */
export async function measureTable(table, node, showProgress) {
  const { name, key, scenario, title, options, repetitions } = table
  const beginMs = performance.now()
  const runs = table.entries.map((entry) => ({ entry, found: [], error: undefined }))
  const open = runs.filter(({ entry }) => entry.absent === undefined)
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const measure = async (run) => {
      if (run.error !== undefined) return
      showProgress(`${title}: ${run.entry.title}, ${repetition + 1} of ${repetitions}`)
      try {
        run.found.push(await measureOnce(run.entry, { node, scenarioName: name, options }))
      } catch (error) {
        run.error = error.message
      }
    }
    const turn = inTurn(open, repetition)
    if (scenario.isTogether) await Promise.all(turn.map(measure))
    else for (const run of turn) await measure(run)
  }
  showProgress('')
  const { question, latency, headline, reference: referenceName = REFERENCE } = scenario
  const competitors = runs.map((run) => summarize(run, headline, options))
  const reference = competitors.find((competitor) => competitor.name === referenceName)
  for (const competitor of competitors) competitor.ratio = ratioOf(competitor, reference, headline)
  const seconds = Math.round((performance.now() - beginMs) / 100) / 10
  return { name: key, title, question, latency, headline, options, seconds, competitors }
}

function measureOnce({ name, program, isSetup }, task) {
  if (program !== undefined) return runNative(program)
  return isSetup ? runSetup({ ...task, setupName: name }) : runPair({ ...task, baselineName: name })
}

/** Rotates the order, so that no competitor always runs after the same one. */
function inTurn(runs, repetition) {
  const first = repetition % Math.max(1, runs.length)
  return [...runs.slice(first), ...runs.slice(0, first)]
}

function summarize({ entry: { name, title, absent }, found, error }, headline, options) {
  if (absent !== undefined) return { name, title, absent }
  if (error !== undefined) return { name, title, error }
  const repetitions = found.map(({ figures }) => figures)
  const values = repetitions.map((figures) => headline.of(figures, options))
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

/** The ratio of medians; above 1 is better than the other. Undefined if one was not measured or is below the noise. */
export function ratioOf(competitor, other, { unit }) {
  if (!(competitor?.headline >= 0 && other?.headline >= 0)) return undefined
  const isMore = unit === 'per second' || unit === 'bytes per second'
  const ratio = isMore ? competitor.headline / other.headline : other.headline / competitor.headline
  return Number.isFinite(ratio) ? ratio : undefined
}
