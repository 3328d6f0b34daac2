import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { root } from '../stages/command.mjs'
import { ARM64_ENVIRONMENT, inArm64Namespace } from './arm64-namespace.mjs'
import { arm64Modules, arm64Node } from './arm64-node.mjs'
import { SKIPPED_IN_NODE } from './arm64-skipped.mjs'
import { runOrThrow } from './cache.mjs'

/** Folders of build/ with machine code. The namespace has others in their places. */
const NATIVE_FOLDERS = ['Release', 'hostile']

const ENVIRONMENT = {
  ...ARM64_ENVIRONMENT,
  CXX: 'aarch64-linux-gnu-g++',
  // Built before, by the tools for this processor.
  SHMWIRE_TEST_BUILT: '1',
}

/** Builds the addon, which is the prebuilt one, and the hostile addon of the tests. Throws if that fails. */
export function buildForArm64() {
  runOrThrow(process.execPath, ['scripts/prebuild.mjs', '--only', 'linux-arm64'], { cwd: root })
  const folder = join(root, 'build/arm64/Release')
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'prebuilds/linux-arm64/shmwire.node'), join(folder, 'shmwire.node'))
  const hostile = [process.execPath, 'scripts/build-addon.mjs', '--hostile', '--quiet']
  if (!runInNamespace(hostile, [])) throw new Error('the hostile addon for arm64 was not built')
}

/** Runs vitest for arm64 with these arguments. Returns its report, with the faults of the list of skipped tests. */
export function vitestForArm64(version, args) {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-arm64-'))
  try {
    const file = join(scratch, 'report.json')
    const command = [
      arm64Node(version),
      'node_modules/vitest/vitest.mjs',
      'run',
      ...args,
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...(SKIPPED_IN_NODE.length > 0
        ? ['--testNamePattern', patternWithout(SKIPPED_IN_NODE.map(({ test }) => test))]
        : []),
    ]
    const ok = runInNamespace(command, [[arm64Modules(), realpathSync(join(root, 'node_modules'))]])
    if (!existsSync(file)) throw new Error('vitest ended without a report')
    const report = JSON.parse(readFileSync(file, 'utf8'))
    return { ok, report, faults: faultsOfList(report) }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function runInNamespace(command, mounts) {
  const native = NATIVE_FOLDERS.map((name) => [join(root, 'build/arm64', name), join(root, 'build', name)])
  for (const folder of native.flat()) mkdirSync(folder, { recursive: true })
  const [program, ...args] = inArm64Namespace(command, [...native, ...mounts])
  const env = { ...process.env, ...ENVIRONMENT }
  return spawnSync(program, args, { cwd: root, env, stdio: 'inherit' }).status === 0
}

function patternWithout(names) {
  const escaped = names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return `^(?!(?:${escaped.join('|')})$)`
}

/** A test that is listed and was renamed would run unnoticed. */
function faultsOfList({ testResults }) {
  const files = new Map(
    testResults.map(({ name, assertionResults }) => [relative(root, name), assertionResults]),
  )
  return SKIPPED_IN_NODE.filter(({ file }) => files.has(file))
    .filter(({ file, test }) => !files.get(file).some(({ fullName }) => fullName === test))
    .map(({ file, test }) => `scripts/emulation/arm64-skipped.json lists '${test}', which is not in ${file}`)
}
