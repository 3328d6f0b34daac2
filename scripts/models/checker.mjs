import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../stages/command.mjs'
import { FOLDER } from './model.mjs'

/** Deeper than any run of our models; the search reports when it is not. */
const DEPTH_MAX = 1_000_000

/** Spin's messages about an incomplete search. After an error it stops early, which is expected. */
const UNFINISHED = /max search depth too small|out of memory|search not completed/i

/** The end of a counter-example in which no statement fails. */
const STUCK = 'no process can continue'

/**
 * Has Spin search all states of one experiment. Depth first for a complete search; breadth first for an
 * expected error, because its first one is the shortest.
 */
export async function search({ model, kind, flags }, compiler, folder) {
  mkdirSync(folder)
  const source = join(FOLDER, `${model}.pml`)
  const preprocess = [`-P${compiler} -E -x c -I${FOLDER}`, ...flags]
  const generated = await run('spin', ['-a', ...preprocess, source], { cwd: folder })
  if (!generated.ok) return broken(generated.output)
  const optimized = kind === 'MUTATION' ? ['-O0', '-DBFS'] : ['-O2', '-DCOLLAPSE']
  const compiled = await run(compiler, ['-w', '-DSAFETY', ...optimized, '-o', 'pan', 'pan.c'], {
    cwd: folder,
  })
  if (!compiled.ok) return broken(compiled.output)
  const { output } = await run(join(folder, 'pan'), [`-m${DEPTH_MAX}`, '-w20'], { cwd: folder })
  const counts = /depth reached (\d+), errors: (\d+)\s+(\d+) states, stored/.exec(output)
  if (counts === null) return broken(output)
  const [, depth, errors, states] = counts.map(Number)
  if (errors === 0 && UNFINISHED.test(output)) return broken(output)
  const steps = errors > 0 ? await replay(source, preprocess, folder, output) : []
  return { depth, errors, states, steps, output }
}

function broken(output) {
  return { depth: 0, errors: -1, states: 0, steps: [], output }
}

/** The output of the processes up to the error. */
async function replay(source, preprocess, folder, found) {
  const trail = readdirSync(folder).find((file) => file.endsWith('.trail'))
  if (trail === undefined) return ['(no trail was written)']
  const { output } = await run('spin', ['-t', '-T', '-k', join(folder, trail), ...preprocess, source], {
    cwd: folder,
  })
  const steps = output.split('\n').filter((line) => /^[a-z_ ]+: .+/.test(line) && !/^(spin|pan):/.test(line))
  return /^pan:\d+: invalid end state/m.test(found) ? [...steps, `end: ${STUCK}`] : steps
}
