import { readdirSync } from 'node:fs'

/** In the order of a reader's questions; others come last. */
const SCENARIO_ORDER = [
  'round-trip',
  'round-trip-asleep',
  'round-trip-blocking',
  'round-trip-handler',
  'round-trip-work',
  'round-trip-pinned',
  'round-trip-asleep-pinned',
  'one-way',
  'objects',
  'call',
  'server-stream',
  'first-call',
  'deadline',
  'pool',
  'birpc',
  'fastify-latency',
  'fastify-throughput',
  'load',
  'random-gaps',
  'many',
  'fan-out',
  'connect',
  'idle',
  'memory',
]

/**
 * All names in a sibling folder. To add a competitor or a question, add a file.
 * @param {'baselines' | 'scenarios'} folder
 */
export function namesIn(folder) {
  return readdirSync(new URL(`../${folder}/`, import.meta.url))
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length))
    .toSorted()
}

export function scenarioNames() {
  const place = (name) =>
    SCENARIO_ORDER.includes(name) ? SCENARIO_ORDER.indexOf(name) : SCENARIO_ORDER.length
  return namesIn('scenarios').toSorted((a, b) => place(a) - place(b))
}

/** The values of `--only`: each scenario, and each case of one. */
export async function caseNames() {
  const scenarios = scenarioNames().map(async (name) => {
    const { cases = [] } = await loadScenario(name)
    return [name, ...cases.map((one) => `${name}/${one.name}`)]
  })
  return (await Promise.all(scenarios)).flat()
}

/** @returns {Promise<import('../baselines/baseline.js').Baseline | import('../baselines/baseline.js').NativeBaseline>} */
export async function loadBaseline(name) {
  return (await import(`../baselines/${name}.mjs`)).baseline
}

/** @returns {Promise<import('../scenarios/scenario.js').Scenario>} */
export async function loadScenario(name) {
  return (await import(`../scenarios/${name}.mjs`)).scenario
}
