// Checks that a prebuilt binary for macOS can be loaded by every Node.js there. It cannot be loaded here.
// scripts/check-binary.mjs calls this.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exportFaults } from './prebuild/exports.mjs'
import { readMachO } from './prebuild/mach-o.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))

/** That of Node.js 20 is 10.15. arm64 begins with 11.0. */
const MACOS_MAX = '11.0'
const LIBRARIES = ['/usr/lib/libSystem.B.dylib']
const UNDEFINED = /^-Wl,-U,_(\w+)$/

/** The names that the addon takes from the program that loads it. The linker refuses every other undefined name. */
export function hostNames() {
  const { flags } = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'))
  return flags.link.darwin.flatMap((flag) => UNDEFINED.exec(flag)?.[1] ?? [])
}

/** The reasons why a binary cannot be shipped for the platform; empty if it can. */
export function faultsOfMacBinary(file, platform) {
  const binary = readMachO(file)
  const faults = []
  if (`darwin-${binary.arch}` !== platform) faults.push(`is for darwin-${binary.arch}`)
  const names = hostNames()
  for (const name of binary.lookedUp) if (!names.includes(name)) faults.push(`needs ${name}`)
  for (const name of names) {
    if (!binary.lookedUp.includes(name)) faults.push(`does not need ${name}, which native/sources.json lists`)
  }
  for (const name of binary.libraries) if (!LIBRARIES.includes(name)) faults.push(`needs the library ${name}`)
  faults.push(...exportFaults(binary.exported))
  if (binary.minimum !== MACOS_MAX) faults.push(`needs macOS ${binary.minimum}, not ${MACOS_MAX}`)
  if (!binary.isSigned) faults.push('is not signed, which arm64 requires')
  if (binary.hasSearchPath) faults.push('has a search path for libraries')
  return faults
}
