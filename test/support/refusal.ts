import { join } from 'node:path'
import { compileNative } from './compiler.js'
import { type Launcher, launcherOf } from './launcher.js'
import { longDirectory } from './temporary-directory.js'

/** A system call of native/test/refuse, and the error with which the kernel refuses it. */
export type Refusal = readonly [call: string, error: 'EPERM' | 'ENOSYS' | 'ENOSPC' | 'ENOMEM']

/** Compiles the launcher; call it in `beforeAll`. Returns the launcher of a child to which a call is refused. */
export function compileRefusals(): (refusal: Refusal) => Launcher {
  const program = join(longDirectory(), 'refuse')
  const missing =
    process.platform === 'linux'
      ? compileNative('native/test/refuse/refuse.cc', program)
      : 'the filters of seccomp(2) are those of Linux'
  return (refusal) => (missing === undefined ? launcherOf(program, ...refusal) : { missing })
}
