import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { run } from '../stages/command.mjs'
import { binaryFolder } from '../stages/ctest.mjs'
import { ARM64_ENVIRONMENT, inArm64Namespace } from './arm64-namespace.mjs'
import { checkSkippedNative, SKIPPED_NATIVE } from './arm64-skipped.mjs'

const PRESET = 'arm64'

/** Not the explorer's: it simulates memory and clock, and does the same work on every processor. */
const PROGRAMS = ['shmwire_test', 'shmwire_crash_test']

/** Builds the native tests for arm64 and runs them under qemu. */
export async function testNative(report) {
  checkSkippedNative()
  const configured = await run('cmake', ['--preset', PRESET])
  if (!configured.ok) return report.fail('native tests, arm64: configure', configured.output)
  const folder = binaryFolder(PRESET)
  const parallel = ['--parallel', String(availableParallelism())]
  const built = await run('cmake', ['--build', folder, '--target', ...PROGRAMS, ...parallel])
  if (!built.ok) return report.fail('native tests, arm64: build', built.output)
  await Promise.all(PROGRAMS.map((program) => runProgram(report, program, folder)))
}

async function runProgram(report, name, folder) {
  const [command, ...args] = inArm64Namespace([join(folder, name), ...exclusion()])
  const result = await run(command, args, { env: ARM64_ENVIRONMENT })
  report.check(`native tests, arm64: ${name}`, result)
}

/** The option that leaves out the listed tests. A comma would separate two patterns. */
export function exclusion() {
  if (SKIPPED_NATIVE.length === 0) return []
  return [`--test-case-exclude=${SKIPPED_NATIVE.map(({ test }) => test.replaceAll(',', '?')).join(',')}`]
}
