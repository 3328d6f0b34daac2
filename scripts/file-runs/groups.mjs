const FAILURE_LINES_MAX = 8
const OUTPUT_LINES_MAX = 40

/**
 * Runs test files in groups, because the start of vitest takes seconds under emulation. A group that reaches its time limit, or fails without a
 * failed test, runs again file by file. So a file that hangs costs its limit, and the others still have their results.
 *
 * `vitest(files, limitMs)` runs these files, and returns { status, report, output }: vitest's JSON report, or undefined if it wrote none.
 * `record(outcome)` gets the outcome of each file: { file, passed, failed, skipped, seconds, failures }.
 */
export function runInGroups(files, { size, limitMs, vitest, record }) {
  for (let at = 0; at < files.length; at += size)
    runGroup(files.slice(at, at + size), { limitMs, vitest, record })
}

function runGroup(files, { limitMs, vitest, record }) {
  const start = Date.now()
  const { status, report, output } = vitest(files, limitMs)
  const outcomes = report === undefined ? [] : files.map((file) => outcomeOf(file, report))
  const isClear = report !== undefined && (status === 0 || outcomes.some(({ failed }) => failed > 0))
  if (isClear) for (const outcome of outcomes) record(outcome)
  else if (files.length > 1) for (const file of files) runGroup([file], { limitMs, vitest, record })
  else record(unclear(files[0], outcomes[0], { milliseconds: Date.now() - start, status, output, limitMs }))
}

/** A file that vitest's configuration excludes has no result, and its counts are 0. */
function outcomeOf(file, { testResults }) {
  const result = testResults.find(({ name }) => name.replaceAll('\\', '/').endsWith(`/${file}`))
  if (result === undefined) return { file, passed: 0, failed: 0, skipped: 0, seconds: 0, failures: [] }
  const tests = result.assertionResults
  const count = (...states) => tests.filter(({ status }) => states.includes(status)).length
  const failures = tests.filter(({ status }) => status === 'failed').map(failureOf)
  if (result.status === 'failed' && failures.length === 0)
    failures.push(`the file: ${firstLines(result.message)}`)
  return {
    file,
    passed: count('passed'),
    failed: failures.length,
    skipped: count('skipped', 'pending', 'todo', 'disabled'),
    seconds: seconds(result.endTime - result.startTime),
    failures,
  }
}

function failureOf({ fullName, failureMessages }) {
  return `${fullName}: ${firstLines(failureMessages[0] ?? '')}`
}

/** The file hung, ended vitest, or had an error outside a test. */
function unclear(file, outcome, { milliseconds, status, output, limitMs }) {
  const lines = output.trimEnd().split('\n').slice(-OUTPUT_LINES_MAX).join('\n    ')
  const end = milliseconds >= limitMs ? `no end after ${limitMs / 1000} s` : `vitest ended with ${status}`
  const { passed = 0, skipped = 0 } = outcome ?? {}
  return {
    file,
    passed,
    failed: 1,
    skipped,
    seconds: seconds(milliseconds),
    failures: [`${end}\n    ${lines}`],
  }
}

function firstLines(text) {
  return text.split('\n').slice(0, FAILURE_LINES_MAX).join('\n    ')
}

function seconds(milliseconds) {
  return Math.round(milliseconds / 1000)
}
