const LINES_SHOWN_MAX = 200

/** The beginning and the end of a long output. */
function shorten(output) {
  const lines = output.trimEnd().split('\n')
  const half = LINES_SHOWN_MAX / 2
  if (lines.length <= LINES_SHOWN_MAX) return lines
  return [...lines.slice(0, half), `… ${lines.length - LINES_SHOWN_MAX} lines …`, ...lines.slice(-half)]
}

function show(output) {
  if (output.trim() !== '') console.log(shorten(output).join('\n').replace(/^/gm, '        '))
}

/** Counts what passed, failed and was skipped, and prints each as it comes. */
export class Report {
  passed = 0
  failed = 0
  skipped = 0
  #failures = []

  pass(name) {
    this.passed++
    console.log(`  ok    ${name}`)
  }

  /** With the output of what failed, which is worth reading only then. */
  fail(name, output = '') {
    this.failed++
    this.#failures.push(name)
    console.log(`  FAIL  ${name}`)
    show(output)
  }

  /** With what to install or do, so that it runs. */
  skip(name, cure) {
    this.skipped++
    console.log(`  skip  ${name}: ${cure}`)
  }

  check(name, { ok, output }) {
    if (ok) this.pass(name)
    else this.fail(name, output)
    return ok
  }

  /** The counts of a runner that prints its own tests. */
  add(name, { passed, failed, skipped }, output = '') {
    this.passed += passed
    this.failed += failed
    this.skipped += skipped
    const counts = `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`
    console.log(`  ${failed > 0 ? 'FAIL' : 'ok  '}  ${counts}`)
    if (failed > 0) {
      this.#failures.push(counts)
      show(output)
    }
  }

  /** The last lines of a run: what failed, then the counts. */
  close() {
    if (this.#failures.length > 0)
      console.log(`\nfailed:\n${this.#failures.map((name) => `  ${name}`).join('\n')}`)
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : ''
    console.log(`\n${this.passed} passed, ${this.failed} failed${skipped}`)
  }
}
