import { writeFileSync } from 'node:fs'

/** A test file prints such a line if its `skipIf` skips. */
const REASON = /^skipped: (.+)$/m

/** Writes one line for each test file and reason of skipped tests to the file that SHMWIRE_SKIPPED names. */
export default class SkipReporter {
  #reasons = new Map()

  onUserConsoleLog({ content, taskId }) {
    const reason = REASON.exec(content)?.[1]
    if (reason !== undefined) this.#reasons.set(taskId, reason)
  }

  onTestRunEnd(modules) {
    const counts = new Map()
    for (const { id, relativeModuleId, children } of modules) {
      for (const test of children.allTests('skipped')) {
        const reason = test.result().note ?? this.#reasons.get(id) ?? 'the test file has the condition'
        const key = `${relativeModuleId}: ${reason}`
        counts.set(key, (counts.get(key) ?? 0) + 1)
      }
    }
    const lines = [...counts].map(([key, count]) => `${count} of ${key}`)
    writeFileSync(process.env['SHMWIRE_SKIPPED'], JSON.stringify(lines))
  }
}
