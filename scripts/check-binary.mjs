// Checks that a prebuilt binary runs on every system of its platform: the versions of the C library, the libraries and names that it needs,
// and the names that it exports.
//
//   node scripts/check-binary.mjs <platform> [FILE]
//
// Reads files for Linux with readelf, which comes with every compiler there.
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { faultsOfMacBinary } from './check-mac-binary.mjs'
import { faultsOfWindowsBinary } from './check-windows-binary.mjs'
import { exportFaults } from './prebuild/exports.mjs'

/** The minimum of Node 20. */
const GLIBC_MAX = [2, 28]

/** Of glibc's libraries, libpthread is in libc since 2.34, and stays for older binaries. musl's loader knows libc.so by that name. */
const LIBRARIES = { glibc: ['libc.so.6', 'libpthread.so.0'], musl: ['libc.so'] }

/** Node.js happens to export the C++ library, but Bun and Deno do not. The two exceptions are functions of the C library. */
const CXX_LIBRARY = /^(?!__cxa_(?:atexit|finalize)$)(?:_Z|__cxa_|__gxx_|_Unwind_)/

/** The reasons why a binary cannot be shipped for the platform; empty if it can. */
export function faultsOfBinary(file, platform) {
  if (platform.startsWith('darwin-')) return faultsOfMacBinary(file, platform)
  if (platform.startsWith('win32-')) return faultsOfWindowsBinary(file, platform)
  if (!platform.startsWith('linux-')) throw new Error(`cannot check a binary for ${platform}`)
  const text = readelf(file)
  const libc = platform.endsWith('-musl') ? 'musl' : 'glibc'
  const faults = []
  const versions = new Set(text.match(/\b(?:GLIBC|GLIBCXX|CXXABI|GCC)_\d+(?:\.\d+)*/g))
  for (const version of versions) {
    if (libc === 'musl' || !version.startsWith('GLIBC_') || isAbove(version, GLIBC_MAX))
      faults.push(`needs ${version}`)
  }
  const needed = Array.from(text.matchAll(/\(NEEDED\).*\[(.*)\]/g), ([, name]) => name)
  for (const name of needed) if (!LIBRARIES[libc].includes(name)) faults.push(`needs the library ${name}`)
  if (!needed.includes(LIBRARIES[libc][0])) faults.push(`does not name the library ${LIBRARIES[libc][0]}`)
  if (/\((?:RPATH|RUNPATH)\)/.test(text)) faults.push('has a search path for libraries')
  if (!/\bNODELETE\b/.test(text)) faults.push('can be unloaded')
  const names = globalNames(text)
  for (const { name, isDefined } of names)
    if (!isDefined && CXX_LIBRARY.test(name)) faults.push(`needs ${name} of the C++ library`)
  return [...faults, ...exportFaults(names.filter(({ isDefined }) => isDefined).map(({ name }) => name))]
}

function readelf(file) {
  const args = ['--wide', '--dynamic', '--dyn-syms', '--version-info', file]
  const { error, status, stdout, stderr } = spawnSync('readelf', args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  if (error !== undefined) throw new Error(`readelf does not start; install binutils: ${error.message}`)
  if (status !== 0) throw new Error(`readelf cannot read ${file}: ${stderr}`)
  return stdout
}

/** Lines such as `110: 0000000000009cf0  6 FUNC  GLOBAL DEFAULT  14 name`; the section of an imported name is UND. */
function globalNames(text) {
  const symbols = text.matchAll(/^\s*\d+: [0-9a-f]+\s+\S+ \w+\s+(?:GLOBAL|WEAK)\s+\w+\s+(\w+) (\S+)/gm)
  return Array.from(symbols, ([, section, name]) => ({
    name: name.split('@')[0],
    isDefined: section !== 'UND',
  }))
}

function isAbove(version, maximum) {
  const numbers = version.split('_')[1].split('.').map(Number)
  for (let index = 0; index < Math.max(numbers.length, maximum.length); index += 1) {
    const difference = (numbers[index] ?? 0) - (maximum[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [platform, file = `prebuilds/${platform}/shmwire.node`] = process.argv.slice(2)
  if (platform === undefined) {
    console.error('usage: node scripts/check-binary.mjs <platform> [FILE]')
    process.exit(2)
  }
  const faults = faultsOfBinary(file, platform)
  console.log(faults.length === 0 ? `${file} runs on ${platform}` : `${file} ${faults.join('; ')}`)
  process.exitCode = faults.length === 0 ? 0 : 1
}
