import { loadBaseline, loadScenario, namesIn, scenarioNames, selects } from './catalog.mjs'
import { commandFault } from './commands.mjs'
import { LENGTHS } from './lengths.mjs'
import { packageFault } from './packages.mjs'

/** Features that most competitors lack; a baseline lists its own in `offers`. */
const SELDOM = {
  blocking: 'has no blocking calls',
  handler: 'has no blocking request',
}
/** The competitors of the short forms, in addition to shmwire itself. */
const SHORT_FORM_COMPETITORS = {
  quick: ['unix-socket-plain', 'unix-socket', 'unix-socket-whole'],
  smoke: ['unix-socket-plain', 'process-advanced'],
}

/**
 * Plans the measurement, table by table.
 * @param {{ form: import('../scenarios/scenario.js').Form, only?: string[], repeat?: number }} wish
 */
export async function makePlan({ form, only, repeat }) {
  const tables = []
  for (const name of scenarioNames()) {
    const scenario = await loadScenario(name)
    for (const variation of scenario.cases ?? [{ name: '', title: scenario.title, options: {} }]) {
      const key = variation.name === '' ? name : `${name}/${variation.name}`
      const wanted =
        only === undefined ? isInForm(scenario, variation, form) : only.some((one) => selects(one, name, key))
      if (wanted) tables.push(await planTable({ name, key, scenario, variation, form, repeat }))
    }
  }
  return tables
}

function isInForm({ forms = {} }, { name }, form) {
  const cases = forms[form]
  return form === 'whole' || cases === true || cases?.includes(name) === true
}

/** Whether it measures competitors from packages. It does not load them: missing ones are installed first. */
export async function needsPackages(form) {
  const names = namesIn('baselines').filter((name) => isInShortForm({ name }, form))
  const baselines = await Promise.all(names.map(loadBaseline))
  return baselines.some(({ packages = [] }) => packages.length > 0)
}

async function planTable({ name, key, scenario: whole, variation, form, repeat }) {
  const scenario = { ...whole, ...ownWords(variation, whole) }
  const { repetitions, ...options } = {
    ...LENGTHS[form],
    ...scenario.options,
    ...variation.options,
    ...scenario.lengths?.[form],
  }
  const entries =
    scenario.setups === undefined
      ? await planBaselines({ name, key, scenario, options, form })
      : Object.entries(scenario.setups).map(([setupName, setup]) => planSetup(setupName, setup))
  return { name, key, scenario, title: variation.title, options, repetitions: repeat ?? repetitions, entries }
}

/** A case may replace these of its scenario, or add to them. */
function ownWords({ question, reference, variants = [], leavesOut = {} }, whole) {
  return {
    question: question ?? whole.question,
    reference: reference ?? whole.reference,
    variants: [...(whole.variants ?? []), ...variants],
    leavesOut: { ...whole.leavesOut, ...leavesOut },
  }
}

async function planBaselines({ name, key, scenario, options, form }) {
  const entries = []
  for (const baselineName of namesIn('baselines')) {
    const entry = await planEntry({ baselineName, name, key, scenario, options })
    if (entry !== undefined && isInShortForm(entry, form)) entries.push(entry)
  }
  return entries
}

function planSetup(name, { title, packages = [], commands = [] }) {
  return { name, title, isSetup: true, packages, absent: missingPart(packages, commands) }
}

/** A row to measure, or with the reason why not. Undefined if the competitor has no part in this question. */
async function planEntry({ baselineName, name, key, scenario, options }) {
  const baseline = await loadBaseline(baselineName)
  const { title } = baseline
  if (scenario.competitors !== undefined && !scenario.competitors.includes(baselineName)) return undefined
  if (baseline.programs !== undefined) {
    const program = baseline.programs[key] ?? baseline.programs[name]
    return program && { name: baselineName, title, program: program(options) }
  }
  const named = [...(scenario.competitors ?? []), ...(scenario.variants ?? [])]
  if (baseline.isVariant === true && !named.includes(baselineName)) return undefined
  const shown = options.values && !baseline.carriesValues ? `${title}, JSON text` : title
  return {
    name: baselineName,
    title: shown,
    packages: baseline.packages,
    absent: reasonAgainst(baselineName, baseline, scenario),
  }
}

function reasonAgainst(
  name,
  { absent, packages = [], offers = [], lacks = {} },
  { needs = [], leavesOut = {} },
) {
  if (absent !== undefined) return absent
  for (const ability of needs) {
    if (lacks[ability] !== undefined) return lacks[ability]
    if (SELDOM[ability] !== undefined && !offers.includes(ability)) return SELDOM[ability]
  }
  return leavesOut[name] ?? missingPart(packages, [])
}

/** The first package or program that this machine lacks. */
function missingPart(packages, commands) {
  const faults = [
    ...packages.map((one) => [one, packageFault(one)]),
    ...commands.map((one) => [one, commandFault(one)]),
  ]
  const [first] = faults.filter(([, fault]) => fault !== undefined)
  return first && `cannot be measured here: ${first[0]}: ${first[1]}`
}

function isInShortForm({ name, program }, form) {
  const others = SHORT_FORM_COMPETITORS[form]
  if (others === undefined || others.includes(name) || name.startsWith('shmwire')) return true
  // Compiling takes longer than the whole smoke form.
  return program !== undefined && form !== 'smoke'
}
