import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { root, runNode } from './command.mjs'

const PROJECTS = ['unit', 'gateway', 'conformance', 'process', 'hostile', 'interop', 'package']
const SKIP_REPORTER = `--reporter=${join(root, 'scripts/stages/skip-reporter.mjs')}`

const MESSAGE_LINES_MAX = 12

/** Their files share the machine. The others start processes, and want it for themselves. */
const PARALLEL = new Set(['unit', 'gateway', 'conformance'])

/** Runs one project after the other. */
export async function vitest(report) {
  for (const project of PROJECTS) await runProject(report, project)
}

async function runProject(report, project) {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-vitest-'))
  try {
    const file = join(scratch, 'report.json')
    const skippedFile = join(scratch, 'skipped.json')
    const reporters = ['--reporter=dot', '--reporter=json', `--outputFile.json=${file}`, SKIP_REPORTER]
    const { ok, output } = await runNode(
      'node_modules/vitest/vitest.mjs',
      ['run', '--project', project, ...reporters, ...(PARALLEL.has(project) ? ['--maxWorkers=100%'] : [])],
      { env: { NO_COLOR: '1', SHMWIRE_SKIPPED: skippedFile } },
    )
    const counts = existsSync(file)
      ? count(JSON.parse(readFileSync(file, 'utf8')))
      : { passed: 0, failed: 0, skipped: 0 }
    // An error outside a test, or a run without tests.
    if (counts.failed === 0 && (!ok || counts.passed === 0)) counts.failed = 1
    const skips = existsSync(skippedFile) ? JSON.parse(readFileSync(skippedFile, 'utf8')) : []
    report.add(`vitest, ${project}`, { ...counts, skips }, output)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function count({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }) {
  const filesThatDidNotLoad = testResults.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
  )
  return {
    passed: numPassedTests,
    failed: numFailedTests + filesThatDidNotLoad.length,
    skipped: numPendingTests + numTodoTests,
    failures: testResults.flatMap(failuresOf),
  }
}

/** Of each failed test, its file, its name and the beginning of its first message. */
function failuresOf({ name: file, assertionResults }) {
  return assertionResults
    .filter(({ status }) => status === 'failed')
    .map(({ fullName, failureMessages }) => {
      const lines = (failureMessages[0] ?? '').split('\n').slice(0, MESSAGE_LINES_MAX)
      return `${relative(root, file)} > ${fullName}: ${lines.join('\n      ')}`
    })
}
