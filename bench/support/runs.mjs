import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { TARGETS } from '../targets.mjs'
import { majorOf, shortCpu } from './machine.mjs'
import { readResults } from './results.mjs'
import { judge } from './verdicts.mjs'

const PARTIAL = 'partial.json'

/**
 * The runs in bench/results, those with the most scenarios first. Each is judged by today's targets.
 * @param {string} folder
 */
export function readRuns(folder) {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json') && name !== PARTIAL)
    .toSorted()
    .map((name) => readRun(join(folder, name)))
    .toSorted((a, b) => b.scenarios.length - a.scenarios.length)
}

export function readRun(file) {
  const results = readResults(file)
  if (results === undefined) throw new Error(`${file}: the results are of an older form: npm run bench`)
  return { ...results, verdicts: judge(TARGETS, results.scenarios, results.machine.node) }
}

/** The name of a run's machine for readers. */
export function labelOf({ machine }) {
  return shortCpu(machine.cpu)
}

/** The runs with the same major version of Node as the first one. */
export function otherMachines({ machine }, others) {
  return others.filter((other) => majorOf(other.machine.node) === majorOf(machine.node))
}

export function otherNodes(results, others) {
  const machines = otherMachines(results, others)
  return others.filter((other) => !machines.includes(other))
}
