import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'

const LINKERS = ['ld64.lld', 'ld64.lld-19', 'ld64.lld-18', 'ld64.lld-17', 'ld64.lld-16']
const MACOS_MIN = '11.0'
/** Of the SDK that the compiler contains. */
const SDK = '14.0'
const PROCESSORS = { arm64: 'arm64', x64: 'x86_64' }

/**
 * The linker for macOS. Not that of the compiler from npm, which exports hidden names, links its own memcpy, and can allow undefined names
 * only all together. LLVM's linker allows the names of `-U` alone, so that a typo is an error.
 */
export function findMacLinker() {
  const linker = LINKERS.find((name) => spawnSync(name, ['--version']).status === 0)
  if (linker !== undefined) return linker
  throw new Error(`no linker for macOS was found (${LINKERS.join(', ')}): apt-get install lld-19`)
}

/** A bundle has no name of its own, unlike a library, in which the name of an unfinished file would stay. */
const OUTPUT = ['-bundle', '-adhoc_codesign', '-S', '-x']

/** `list`: native/sources.json. */
export function macLinkFlags(list, arch) {
  const target = ['-arch', PROCESSORS[arch], '-platform_version', 'macos', MACOS_MIN, SDK]
  const names = list.flags.link.darwin.flatMap((flag) => flag.replace('-Wl,', '').split(','))
  return [...target, ...OUTPUT, ...names]
}

/** The names in the system's library, which the compiler contains. */
export function macLibrary(zig) {
  return [`-L${join(dirname(zig), 'lib/libc/darwin')}`, '-lSystem']
}
