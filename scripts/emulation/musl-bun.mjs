import { cpSync, existsSync, mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { installToolchain } from '../prebuild/toolchain.mjs'
import { find, root } from '../stages/command.mjs'
import { fetchPackage, runOrThrow } from './cache.mjs'

const LOADER = '/lib/ld-musl-x86_64.so.1'
const BUN = ['@oven/bun-linux-x64-musl', '1.4.5']

/** How to install what is missing; undefined if Bun for musl can run here. */
export function missingForMusl() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'is for Linux on x64'
  const packages = []
  if (!existsSync(LOADER)) packages.push('musl')
  if (find('g++') === undefined) packages.push('g++')
  return packages.length > 0 ? `apt-get install ${packages.join(' ')}` : undefined
}

/**
 * The command of Bun for musl. It needs a libstdc++, which Debian has for glibc only: that one works with native/test/musl/glibc_symbols.c.
 * The loader gets the folder as an argument, because child processes that need glibc would inherit LD_LIBRARY_PATH.
 */
export function muslBun() {
  const folder = join(root, 'build/musl')
  mkdirSync(folder, { recursive: true })
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1'])
    cpSync(realpathSync(systemLibrary(name)), join(folder, name))
  const zig = installToolchain(root)
  const output = join(folder, 'ld-linux-x86-64.so.2')
  const source = join(root, 'native/test/musl/glibc_symbols.c')
  const flags = [
    '-target',
    'x86_64-linux-musl',
    '-O2',
    '-shared',
    '-fPIC',
    '-Wl,-soname,ld-linux-x86-64.so.2',
  ]
  const cache = join(root, 'build/zig-cache')
  const env = { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache }
  runOrThrow(zig, ['cc', ...flags, '-o', output, source], { env })
  return [LOADER, '--library-path', folder, join(fetchPackage(...BUN), 'bin/bun')]
}

/** The path of a library of the system's compiler. */
function systemLibrary(name) {
  return runOrThrow('g++', [`-print-file-name=${name}`]).trim()
}
