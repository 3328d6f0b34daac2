import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Compiles one source into `output`; a relative path begins at the root of the repository. Returns the reason if this machine cannot do that. */
export function compileNative(
  source: string,
  output: string,
  ...flags: readonly string[]
): string | undefined {
  const compiler = process.env['CXX'] ?? 'c++'
  const { error, status, stderr } = spawnSync(
    compiler,
    ['-std=c++20', '-O1', ...flags, '-o', output, resolve(ROOT, source)],
    { encoding: 'utf8' },
  )
  if (error !== undefined) return `apt-get install g++, or name a C++ compiler with CXX: ${error.message}`
  // Not a reason to skip: the source is ours.
  if (status !== 0) throw new Error(`${source} does not compile:\n${stderr}`)
  return undefined
}
