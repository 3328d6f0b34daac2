import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root } from '../stages/command.mjs'
import { fuzzNative } from './native.mjs'
import { fuzzTypescript } from './typescript.mjs'

/** All targets, by name: those in native/sources.json, and the files in test/fuzz/. */
export function allTargets() {
  const { fuzz } = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'))
  const native = fuzz.targets.map((file) => ({
    name: basename(file, '_fuzz.cc'),
    isNative: true,
    run: fuzzNative,
  }))
  const typescript = readdirSync(join(root, 'test/fuzz'))
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => ({ name: basename(file, '.test.ts'), isNative: false, run: fuzzTypescript }))
  return [...native, ...typescript]
}

/**
 * Runs the targets, `workers` at a time, and reports each as it ends. `budget` is {seconds} or {runs}, of each target;
 * with `updateCorpus`, the new inputs of a native target go into its committed corpus.
 */
export async function fuzzAll(report, targets, { budget, workers, updateCorpus = false }) {
  const waiting = [...targets]
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const { executions, seconds, ok, output } = await target.run(target.name, budget, updateCorpus)
      const speed = `${executions.toLocaleString('en')} executions, ${Math.round(executions / seconds || 0).toLocaleString('en')} per second`
      report.check(`${target.name}: ${speed}`, { ok, output })
    }
  }
  await Promise.all(Array.from({ length: workers }, work))
}
