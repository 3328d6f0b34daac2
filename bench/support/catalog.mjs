import { readdirSync } from 'node:fs'

/**
 * The scenarios by subject, in the order of a reader's questions. `--only` takes the name of a group too.
 * A scenario in no group comes last.
 */
export const GROUPS = {
  messages: [
    'round-trip',
    'round-trip-asleep',
    'round-trip-blocking',
    'round-trip-handler',
    'round-trip-work',
    'round-trip-pinned',
    'round-trip-asleep-pinned',
    'one-way',
    'objects',
    'load',
    'random-gaps',
  ],
  channels: ['many', 'fan-out', 'fan-out-objects', 'connect', 'idle', 'memory', 'memory-shared'],
  services: ['call', 'server-stream', 'first-call', 'deadline', 'pool'],
  adapters: ['birpc', 'fastify-latency', 'fastify-throughput'],
  topics: ['topic', 'topic-publisher', 'cell'],
  queues: ['queue', 'queue-durable', 'queue-jetstream'],
  gateways: ['gateway-grpc', 'gateway-rest'],
}

const SCENARIO_ORDER = Object.values(GROUPS).flat()

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

/** The values of `--only`: each group, each scenario, and each case of one. */
export async function caseNames() {
  const scenarios = scenarioNames().map(async (name) => {
    const { cases = [] } = await loadScenario(name)
    return [name, ...cases.map((one) => `${name}/${one.name}`)]
  })
  return [...Object.keys(GROUPS), ...(await Promise.all(scenarios)).flat()]
}

/** The names for `--only` as lines of text. */
export async function listOfNames() {
  const lines = [
    'Groups:',
    ...Object.entries(GROUPS).map(([group, names]) => `  ${group}: ${names.join(' ')}`),
  ]
  lines.push('', 'Scenarios and their cases:')
  for (const name of scenarioNames()) {
    const { title, cases = [] } = await loadScenario(name)
    lines.push(`  ${name}: ${title}`, ...cases.map((one) => `    ${name}/${one.name}`))
  }
  return lines
}

/** Whether a value of `--only` selects this case. */
export function selects(wanted, name, key) {
  return wanted === name || wanted === key || GROUPS[wanted]?.includes(name) === true
}

/** @returns {Promise<import('../baselines/baseline.js').Baseline | import('../baselines/baseline.js').NativeBaseline>} */
export async function loadBaseline(name) {
  return (await import(`../baselines/${name}.mjs`)).baseline
}

/** @returns {Promise<import('../scenarios/scenario.js').Scenario>} */
export async function loadScenario(name) {
  return (await import(`../scenarios/${name}.mjs`)).scenario
}
