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

function printList(title, lines) {
  if (lines.length > 0) console.log(`\n${title}:\n${lines.map((line) => `  ${line}`).join('\n')}`)
}

/** Counts what passed, failed and was skipped, and prints each as it comes. */
export class Report {
  passed = 0
  failed = 0
  skipped = 0
  #failures = []
  #skips = []

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

  /** With the command that installs what is missing, or the reason where no command helps. */
  skip(name, cure) {
    this.skipped++
    this.#skips.push(`${name}: ${cure}`)
    console.log(`  skip  ${name}: ${cure}`)
  }

  check(name, { ok, output }) {
    if (ok) this.pass(name)
    else this.fail(name, output)
    return ok
  }

  /**
   * The counts of a runner that prints its own tests. `skips` has a line for each group of skipped tests, `failures` a text for each failed
   * test.
   */
  add(name, { passed, failed, skipped, skips = [], failures = [] }, output = '') {
    this.passed += passed
    this.failed += failed
    this.skipped += skipped
    this.#skips.push(...skips)
    const counts = `${name}: ${passed} passed, ${failed} failed, ${skipped} skipped`
    console.log(`  ${failed > 0 ? 'FAIL' : 'ok  '}  ${counts}`)
    if (failed > 0) {
      this.#failures.push(counts, ...failures.map((failure) => `  ${failure}`))
      show(output)
    }
  }

  /** The last lines of a run: what was skipped, what failed, then the counts. */
  close() {
    printList('skipped', this.#skips)
    printList('failed', this.#failures)
    const skipped = this.skipped > 0 ? `, ${this.skipped} skipped` : ''
    console.log(`\n${this.passed} passed, ${this.failed} failed${skipped}`)
  }
}
