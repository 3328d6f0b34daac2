// Checks the library versions that a built addon needs: it must run on every system that Node supports.
//
//   node scripts/check-binary.mjs FILE
//
// Reads the version table with readelf or objdump, one of which comes with every compiler.

import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

/** The minimum versions of Node 20, and those of g++ 8, the compiler of distributions with glibc 2.28. */
const FLOORS = { GLIBC: [2, 28], GLIBCXX: [3, 4, 25], CXXABI: [1, 3, 11] }

/** The symbol versions above the minimum, such as `GLIBC_2.33`. Empty if the file may be shipped. */
export function versionsTooNew(file) {
  const found = new Set(versionTable(file).match(/\b(?:GLIBC|GLIBCXX|CXXABI)_\d+(?:\.\d+)*/g))
  if (found.size === 0) throw new Error(`${file} names no library version; is it an ELF file?`)
  return [...found].filter((version) => {
    const [library, numbers] = version.split('_')
    return isAbove(numbers.split('.').map(Number), FLOORS[library])
  })
}

function versionTable(file) {
  for (const [command, ...options] of [
    ['readelf', '--wide', '--version-info'],
    ['objdump', '-T'],
  ]) {
    const { status, stdout } = spawnSync(command, [...options, file], { encoding: 'utf8' })
    if (status === 0) return stdout
  }
  throw new Error(`neither readelf nor objdump can read ${file}; install binutils`)
}

function isAbove(version, floor) {
  for (let index = 0; index < Math.max(version.length, floor.length); index += 1) {
    const difference = (version[index] ?? 0) - (floor[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return false
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const file = process.argv[2] ?? 'build/Release/shmwire.node'
  const tooNew = versionsTooNew(file)
  console.log(tooNew.length === 0 ? `${file} runs from glibc 2.28 on` : `${file} needs ${tooNew.join(', ')}`)
  process.exitCode = tooNew.length === 0 ? 0 : 1
}
