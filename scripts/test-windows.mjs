// Tests the package on Windows x64: on Linux under wine, with Windows' own node.exe; on Windows with the Node that runs this script.
// docs/windows.md says what it needs.
//
//   node scripts/test-windows.mjs [--node 20,22,24,26] [--project unit,conformance,process] [--limit 600] [FILE…]
//   node scripts/test-windows.mjs --table      prints the newest counts of each file and version, without a test

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { runInGroups } from './file-runs/groups.mjs'
import { testFiles } from './file-runs/list.mjs'
import { Results } from './file-runs/results.mjs'
import { WINE_ROUNDS } from './file-runs/rounds.mjs'
import { MAJORS } from './node-versions.mjs'
import { root } from './stages/command.mjs'
import { copyTree } from './windows/tree.mjs'
import { WineNode } from './windows/wine.mjs'

/** Instead of the times in vitest.config.ts: processes start slowly under wine. */
const TEST_TIMEOUT_MS = 180_000

/** Files that start processes run one by one. */
const GROUP_SIZES = { unit: 16, conformance: 1, process: 1 }

const folder = join(root, 'build/windows')
const isWindows = process.platform === 'win32'
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    node: { type: 'string', default: isWindows ? process.versions.node.split('.')[0] : MAJORS.join() },
    project: { type: 'string', default: Object.keys(GROUP_SIZES).join() },
    // Of a group of files, in seconds. A test that hangs ends itself earlier.
    limit: { type: 'string', default: '600' },
    table: { type: 'boolean', default: false },
  },
})
checkChoice('version of Node.js', values.node, MAJORS)
checkChoice('project', values.project, Object.keys(GROUP_SIZES))
const tree = isWindows ? root : join(folder, 'tree')
const wine = new WineNode(join(folder, 'wine'))
const results = new Results(join(folder, 'results.json'))
if (values.table) console.log(results.table())
else testAll()

function checkChoice(title, text, choices) {
  const unknown = text.split(',').find((choice) => !choices.includes(choice))
  if (unknown === undefined) return
  console.error(`test-windows: there is not a ${title} '${unknown}'; the choices are ${choices.join(', ')}`)
  process.exit(2)
}

function testAll() {
  build()
  if (!isWindows) copyTree(root, tree)
  let count = 0
  for (const major of values.node.split(',')) {
    for (const project of values.project.split(',')) {
      const files = testFiles(project, positionals)
      count += files.length
      runInGroups(files, {
        size: GROUP_SIZES[project],
        limitMs: Number(values.limit) * 1000,
        vitest: (group, limitMs) => runVitest(major, project, group, limitMs),
        record: (outcome) => results.add(major, outcome),
      })
    }
  }
  console.log(
    `\n${results.table()}\n\n${results.passed} passed, ${results.failed} failed, ${results.skipped} skipped`,
  )
  if (count === 0) console.error('test-windows: no file matches')
  process.exitCode = results.failed === 0 && count > 0 ? 0 : 1
}

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

function runVitest(major, project, files, timeoutMs) {
  const file = join(tree, 'build', `report-${major}-${project}.json`)
  mkdirSync(join(tree, 'build'), { recursive: true })
  rmSync(file, { force: true })
  const args = [
    join(tree, 'node_modules/vitest/vitest.mjs'),
    'run',
    '--project',
    project,
    `--testTimeout=${TEST_TIMEOUT_MS}`,
    // Prints each test when it ends, so that a file which hangs shows where.
    '--reporter=verbose',
    '--reporter=json',
    `--outputFile=${relative(tree, file)}`,
    ...files,
  ]
  const env = { SHMWIRE_TEST_BUILT: '1', CI: '1', NO_COLOR: '1', ...(isWindows ? {} : WINE_ROUNDS) }
  const options = { cwd: tree, env, timeoutMs }
  const { status, output } = isWindows ? runHere(args, options) : wine.run(major, args, options)
  return { status, report: readReport(file), output }
}

/** Undefined if vitest ended before it wrote the report. */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return undefined
    throw error
  }
}

function runHere(args, { cwd, env, timeoutMs }) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 2 ** 28,
  })
  return { status, output: stdout + stderr }
}
