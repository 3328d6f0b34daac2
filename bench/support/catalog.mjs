import { readdirSync } from 'node:fs'

/**
 * Everything of a folder beside this one, by file name: to add a competitor or a question is to add a file.
 * @param {'baselines' | 'scenarios'} folder
 */
export function namesIn(folder) {
  return readdirSync(new URL(`../${folder}/`, import.meta.url))
    .filter((file) => file.endsWith('.mjs'))
    .map((file) => file.slice(0, -'.mjs'.length))
    .toSorted()
}

/** @returns {Promise<import('../baselines/baseline.js').Baseline>} */
export async function loadBaseline(name) {
  return (await import(`../baselines/${name}.mjs`)).baseline
}

/** @returns {Promise<import('../scenarios/scenario.js').Scenario>} */
export async function loadScenario(name) {
  return (await import(`../scenarios/${name}.mjs`)).scenario
}
