import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * The newest outcome of each test file with each version of Node.js, kept in a file: a run of hours can be done in parts. `print` has one line
 * for each outcome, and the failures.
 */
export class Results {
  passed = 0
  failed = 0
  skipped = 0
  #file
  #outcomes

  constructor(file) {
    this.#file = file
    this.#outcomes = readOutcomes(file)
  }

  add(version, outcome) {
    for (const name of ['passed', 'failed', 'skipped']) this[name] += outcome[name]
    const others = this.#outcomes.filter((old) => old.version !== version || old.file !== outcome.file)
    this.#outcomes = [...others, { version, ...outcome }]
    mkdirSync(dirname(this.#file), { recursive: true })
    writeFileSync(this.#file, JSON.stringify(this.#outcomes, undefined, 1))
    const mark = outcome.failed > 0 ? 'FAIL' : 'ok  '
    console.log(`  ${mark}  Node ${version}, ${outcome.file}: ${counts(outcome)} (${outcome.seconds} s)`)
    for (const failure of outcome.failures) console.log(`        ${failure}`)
  }

  /** A table of files and versions in Markdown, with a last line for all files of each folder below test/. */
  table() {
    const versions = sortedSet(this.#outcomes.map(({ version }) => version))
    const files = sortedSet(this.#outcomes.map(({ file }) => file))
    const projects = [...new Set(files.map(projectOf))]
    return [
      `| passed / failed / skipped | ${versions.join(' | ')} |`,
      `| --- |${' --- |'.repeat(versions.length)}`,
      ...files.map((file) => this.#row(`\`${file}\``, versions, (outcome) => outcome.file === file)),
      ...projects.map((project) =>
        this.#row(`all of ${project}`, versions, ({ file }) => projectOf(file) === project),
      ),
    ].join('\n')
  }

  #row(title, versions, isOfRow) {
    const cells = versions.map((version) => {
      const outcomes = this.#outcomes.filter((outcome) => outcome.version === version && isOfRow(outcome))
      if (outcomes.length === 0) return ''
      const sum = (name) => outcomes.reduce((total, outcome) => total + outcome[name], 0)
      return `${sum('passed')} / ${sum('failed')} / ${sum('skipped')}`
    })
    return `| ${title} | ${cells.join(' | ')} |`
  }
}

function sortedSet(texts) {
  return [...new Set(texts)].toSorted((left, right) => left.localeCompare(right))
}

function counts({ passed, failed, skipped }) {
  if (passed + failed + skipped === 0) return 'not for this platform'
  return `${passed} passed, ${failed} failed, ${skipped} skipped`
}

function projectOf(file) {
  return file.split('/')[1]
}

function readOutcomes(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if (error.code === 'ENOENT' || error instanceof SyntaxError) return []
    throw error
  }
}
