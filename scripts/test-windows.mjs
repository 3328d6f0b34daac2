// Tests the package on Windows x64: on Linux under wine, with Windows' own node.exe; on Windows with the Node that runs this script.
// docs/windows.md says what it needs.
//
//   node scripts/test-windows.mjs [--node 20,22,24,26] [--project unit,conformance,process] [FILE…]

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { copyTree } from './windows/tree.mjs'
import { VERSIONS, WineNode } from './windows/wine.mjs'

const TIMEOUT_MS = 3_600_000
const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build/windows')
const isWindows = process.platform === 'win32'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: {
      type: 'string',
      default: isWindows ? process.versions.node.split('.')[0] : Object.keys(VERSIONS).join(),
    },
    project: { type: 'string', default: 'unit,conformance,process' },
  },
})

const majors = values.node.split(',')
const unknown = majors.find((major) => !(major in VERSIONS))
if (unknown !== undefined) {
  console.error(
    `test-windows: no version of Node.js ${unknown}; there are ${Object.keys(VERSIONS).join(', ')}`,
  )
  process.exit(2)
}
build()
const tree = isWindows ? root : join(folder, 'tree')
if (!isWindows) copyTree(root, tree)
const wine = new WineNode(join(folder, 'wine'))
let failed = 0
for (const major of majors) for (const project of values.project.split(',')) failed += test(major, project)
process.exitCode = failed === 0 ? 0 : 1

/** On Linux the binary for Windows that the package ships. */
function build() {
  const steps = isWindows
    ? [['build.mjs']]
    : [
        ['build.mjs', '--ts-only'],
        ['prebuild.mjs', '--only', 'win32-x64'],
      ]
  for (const [script, ...args] of steps) {
    const { status } = spawnSync(process.execPath, [join(root, 'scripts', script), ...args], {
      stdio: 'inherit',
    })
    if (status !== 0) throw new Error(`${script} failed`)
  }
}

/** Prints the counts, and the failures. Returns how many tests or files failed. */
function test(major, project) {
  const report = join(tree, 'build', `report-${major}-${project}.json`)
  mkdirSync(join(tree, 'build'), { recursive: true })
  rmSync(report, { force: true })
  const args = [
    join(tree, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    project,
    '--reporter=json',
    `--outputFile=${relative(tree, report)}`,
    ...positionals,
  ]
  const env = { SHMWIRE_TEST_BUILT: '1', CI: '1', NO_COLOR: '1' }
  const { status: ended, output } = isWindows
    ? runHere(args, env)
    : wine.run(major, args, { cwd: tree, env, timeoutMs: TIMEOUT_MS })
  let result
  try {
    result = JSON.parse(readFileSync(report, 'utf8'))
  } catch {
    console.log(`Node ${major}, ${project}: no result\n${output}`)
    return 1
  }
  const { numPassedTests, numFailedTests, numPendingTests, testResults } = result
  console.log(
    `Node ${major}, ${project}: ${numPassedTests} passed, ${numFailedTests} failed, ${numPendingTests} skipped`,
  )
  const failedFiles = testResults.filter(({ status }) => status === 'failed')
  for (const { name, message, assertionResults } of failedFiles) {
    const failures = assertionResults.filter(({ status }) => status === 'failed')
    if (failures.length === 0) console.log(`  ${name}: ${message}`)
    for (const { fullName, failureMessages } of failures)
      console.log(`  ${name}: ${fullName}\n    ${failureMessages[0]?.split('\n')[0]}`)
  }
  // An error outside a test, or a filter that matches nothing.
  const isUnclear = failedFiles.length === 0 && (ended !== 0 || numPassedTests === 0)
  if (isUnclear) console.log(`  vitest ended with ${ended}\n${output}`)
  return failedFiles.length + Number(isUnclear)
}

function runHere(args, env) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: tree,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    maxBuffer: 2 ** 28,
  })
  return { status, output: stdout + stderr }
}
