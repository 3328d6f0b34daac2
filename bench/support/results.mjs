import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

/** Raised when a reader of older files would misread new ones. */
export const FORMAT = 2

/** Repetitions, each on one line, because people read and compare result files too. */
export function writeResults(file, results) {
  const lines = []
  const marked = JSON.stringify(
    { format: FORMAT, ...results },
    (key, value) => {
      if (key !== 'repetitions') return value
      return value.map((repetition) => `@${lines.push(JSON.stringify(repetition)) - 1}@`)
    },
    2,
  )
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${marked.replaceAll(/"@(\d+)@"/g, (_, index) => lines[Number(index)])}\n`)
}

/** Undefined for a file of another format. */
export function readResults(file) {
  const results = JSON.parse(readFileSync(file, 'utf8'))
  return results.format === FORMAT ? results : undefined
}
