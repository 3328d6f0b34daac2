import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'

export const FOLDER = join(root, 'models')

/** A line of a model that describes an experiment: how to run it, how to break it, or how to weaken it. */
const LINE = /^\/\* (RUN|ALLOWED|MUTATION)\(([^)]*)\): (.+) \*\/$/
const CLOSED = /^\/\* ?(RUN|ALLOWED|MUTATION)\b/

/** In the recommended order of reading. */
const MODELS = ['segment', 'ring', 'growth', 'wake', 'broadcast', 'subscribers', 'cell', 'handshake', 'close']

/**
 * Reads the experiments from the comments of the models:
 *   RUN       the protocol as it is: must pass
 *   ALLOWED   weaker than the protocol, but correct: must pass too
 *   MUTATION  broken: must be caught
 */
export function readExperiments() {
  for (const file of readdirSync(FOLDER)) {
    if (file.endsWith('.pml') && !MODELS.includes(file.slice(0, -'.pml'.length)))
      throw new Error(`models/${file} is not in the list MODELS`)
  }
  return MODELS.flatMap((model) => experimentsOf(model, textOf(`${model}.pml`)))
}

function experimentsOf(model, text) {
  const experiments = []
  for (const line of text.split('\n')) {
    const match = LINE.exec(line)
    if (match === null) {
      if (CLOSED.test(line)) throw new Error(`models/${model}.pml: cannot be read: ${line}`)
      continue
    }
    const [, kind, flags, what] = match
    experiments.push({ model, kind, flags: flags.split(' ').filter(Boolean), what })
  }
  const names = experiments.map(({ flags }) => flags.join(' '))
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new Error(`models/${model}.pml: ${twice} occurs twice`)
  for (const flag of new Set(experiments.flatMap(({ flags }) => flags))) assertUsed(model, flag, text)
  return experiments
}

/** A flag that the model does not use would change nothing, and its ALLOWED would always pass. */
function assertUsed(model, flag, text) {
  const name = /^-D(\w+)/.exec(flag)?.[1]
  const included = [...text.matchAll(/^#include "(.+)"$/gm)].map(([, file]) => textOf(file))
  const code = [text, ...included].join('\n').replace(/\/\*[\s\S]*?\*\//g, '')
  if (name === undefined || !new RegExp(`\\b${name}\\b`).test(code))
    throw new Error(`models/${model}.pml: ${flag} is not used`)
}

function textOf(file) {
  return readFileSync(join(FOLDER, file), 'utf8')
}
