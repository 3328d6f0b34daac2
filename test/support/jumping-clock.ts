import { join } from 'node:path'
import { compileNative } from './compiler.js'
import { type Launcher, launcherOf } from './launcher.js'
import { longDirectory } from './temporary-directory.js'

/** The launcher of a child whose wall clock jumps by years at each read; call it in `beforeAll`. */
export function compileJumpingClock(): Launcher {
  if (process.platform !== 'linux') return { missing: 'the library is for Linux' }
  const library = join(longDirectory(), 'jumping-clock.so')
  const missing = compileNative('native/test/clock/jumping_clock.cc', library, '-shared', '-fPIC')
  if (missing !== undefined) return { missing }
  // A sanitizer's library must stay the first one.
  const libraries = [process.env['LD_PRELOAD'], library].filter((path) => path !== undefined)
  return launcherOf('env', `LD_PRELOAD=${libraries.join(':')}`)
}
