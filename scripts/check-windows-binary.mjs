// Checks that a prebuilt binary for Windows needs only libraries of the system, and exports only the names of Node-API.
// scripts/check-binary.mjs calls this. Reads the file with LLVM's readobj.
import { spawnSync } from 'node:child_process'
import { exportFaults } from './prebuild/exports.mjs'

/** Windows 10 has them; msvcrt is its C library for programs without one of their own. Names of Node-API are not imported: native/addon/windows/host_functions.cc looks them up. */
const LIBRARIES = /^(?:kernel32|advapi32|bcrypt|msvcrt|ntdll|api-ms-win-crt-[a-z]+-l1-1-0)\.dll$/i
const MACHINES = { 'win32-x64': 'IMAGE_FILE_MACHINE_AMD64', 'win32-arm64': 'IMAGE_FILE_MACHINE_ARM64' }

const READERS = ['llvm-readobj', ...[19, 18, 17, 16, 15, 14].map((version) => `llvm-readobj-${version}`)]

/** The program that reads binaries; undefined if there is none. */
export function findReader() {
  return READERS.find((name) => spawnSync(name, ['--version']).status === 0)
}

/** The reasons why a binary cannot be shipped for the platform; empty if it can. */
export function faultsOfWindowsBinary(file, platform) {
  const args = ['--file-headers', '--coff-imports', '--coff-exports', file]
  const { status, stdout, stderr } = spawnSync(findReader(), args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  const faults = []
  if (!stdout.includes(`Machine: ${MACHINES[platform]} `)) faults.push(`is not for ${platform}`)
  if (!/TimeDateStamp: [^\n]*\(0x0\)/.test(stdout))
    faults.push('states the time of its link, so two builds differ')
  const exported = []
  let block
  for (const line of stdout.split('\n')) {
    const [, begun] = /^(Import|DelayImport|Export) \{/.exec(line) ?? []
    block = begun ?? block
    const [, name] = /^ {2}Name: (.*)$/.exec(line) ?? []
    if (name === undefined) continue
    if (block === 'Export') exported.push(name)
    else if (!LIBRARIES.test(name)) faults.push(`needs the library ${name}`)
  }
  return [...faults, ...exportFaults(exported)]
}
