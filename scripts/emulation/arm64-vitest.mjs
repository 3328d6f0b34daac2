import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { QEMU_ROUNDS } from '../file-runs/rounds.mjs'
import { root } from '../stages/command.mjs'
import { ARM64_ENVIRONMENT, inArm64Namespace } from './arm64-namespace.mjs'
import { arm64Modules, arm64Node } from './arm64-node.mjs'
import { SKIPPED_IN_NODE } from './arm64-skipped.mjs'
import { runOrThrow } from './cache.mjs'

/** Folders of build/ with machine code. The namespace has others in their places. */
const NATIVE_FOLDERS = ['Release', 'hostile']

const ENVIRONMENT = {
  ...ARM64_ENVIRONMENT,
  ...QEMU_ROUNDS,
  CXX: 'aarch64-linux-gnu-g++',
  // Built before, by the tools for this processor.
  SHMWIRE_TEST_BUILT: '1',
}

/** Instead of the times in vitest.config.ts, on a processor that is ten times slower. */
const TEST_TIMEOUT_MS = 300_000

/** Builds the addon, which is the prebuilt one, and the hostile addon of the tests. Throws if that fails. */
export function buildForArm64() {
  runOrThrow(process.execPath, ['scripts/prebuild.mjs', '--only', 'linux-arm64'], { cwd: root })
  const folder = join(root, 'build/arm64/Release')
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'prebuilds/linux-arm64/shmwire.node'), join(folder, 'shmwire.node'))
  const hostile = [process.execPath, 'scripts/build-addon.mjs', '--hostile', '--quiet']
  const { status, output } = runInNamespace(hostile, [])
  if (status !== 0) throw new Error(`the hostile addon for arm64 was not built:\n${output}`)
}

/** Runs test files with Node.js for arm64. Returns { status, report, output }: the report of vitest, undefined if it wrote none. */
export function vitestForArm64(major, project, files, limitMs) {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-arm64-'))
  try {
    const file = join(scratch, 'report.json')
    const command = [
      // Its process group ends with it.
      'timeout',
      '--kill-after=10',
      String(limitMs / 1000),
      arm64Node(major),
      'node_modules/vitest/vitest.mjs',
      'run',
      '--project',
      project,
      ...files,
      `--testTimeout=${TEST_TIMEOUT_MS}`,
      '--reporter=dot',
      '--reporter=json',
      `--outputFile.json=${file}`,
      ...(SKIPPED_IN_NODE.length > 0
        ? ['--testNamePattern', patternWithout(SKIPPED_IN_NODE.map(({ test }) => test))]
        : []),
    ]
    const ended = runInNamespace(command, [[arm64Modules(), realpathSync(join(root, 'node_modules'))]])
    const report = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
    return { ...ended, report, faults: report === undefined ? [] : faultsOfList(report) }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function runInNamespace(command, mounts) {
  const native = NATIVE_FOLDERS.map((name) => [join(root, 'build/arm64', name), join(root, 'build', name)])
  for (const folder of native.flat()) mkdirSync(folder, { recursive: true })
  const [program, ...args] = inArm64Namespace(command, [...native, ...mounts])
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: root,
    env: { ...process.env, ...ENVIRONMENT },
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  return { status, output: stdout + stderr }
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
