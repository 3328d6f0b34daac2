import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Launcher, launcherOf } from './launcher.js'
import { longDirectory } from './temporary-directory.js'

/** A system call of native/test/refuse, and the error with which the kernel is to refuse it. */
export type Refusal = readonly [call: string, error: 'EPERM' | 'ENOSYS']

const SOURCE = fileURLToPath(new URL('../../native/test/refuse/refuse.cc', import.meta.url))

/** Compiles the launcher; call it in `beforeAll`. Returns the launcher of a child to which a call is refused. */
export function compileRefusals(): (refusal: Refusal) => Launcher {
  const program = join(longDirectory(), 'refuse')
  const missing = compile(program)
  return (refusal) => (missing === undefined ? launcherOf(program, ...refusal) : { missing })
}

/** Why there is no such program. */
function compile(program: string): string | undefined {
  if (process.platform !== 'linux') return 'the filters of seccomp(2) are those of Linux'
  const compiler = process.env['CXX'] ?? 'c++'
  const { error, status, stderr } = spawnSync(compiler, ['-std=c++20', '-O1', '-o', program, SOURCE], {
    encoding: 'utf8',
  })
  if (error !== undefined) return `there is no C++ compiler (${error.message}); name one with CXX`
  // Not a reason to skip: the source is ours.
  if (status !== 0) throw new Error(`${SOURCE} does not compile:\n${stderr}`)
  return undefined
}
