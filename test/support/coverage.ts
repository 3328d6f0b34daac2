import { readDocument } from './documents.js'

const DOCUMENT = 'docs/coverage.md'
const PASSED = 'pass'
/** The client or the server does not have the case. */
const ABSENT = ''

/** The cases of one column of the first table in docs/coverage.md. */
export interface Coverage {
  readonly passed: ReadonlySet<string>
  /** The cells of these have the letter of a reason. */
  readonly others: ReadonlySet<string>
}

/** Throws if a cell is not `pass`, empty, or the letter of a reason below the table. */
export function coverageOf(column: string): Coverage {
  const text = readDocument(DOCUMENT)
  const [table = ''] = /^\|.*?\n\n/ms.exec(text) ?? []
  const [head = [], , ...rows] = [...table.matchAll(/^\|(.*)\|$/gm)].map(([, row = '']) =>
    row.split('|').map((cell) => cell.trim()),
  )
  const index = head.indexOf(column)
  if (index < 1) throw new Error(`the table of ${DOCUMENT} has no column ${column}`)
  const reasons = new Set([...text.matchAll(/^- ([a-z]): \S/gm)].map(([, letter]) => letter))
  const passed = new Set<string>()
  const others = new Set<string>()
  for (const row of rows) {
    const [name = '', cell = ABSENT] = [row[0]?.replaceAll('`', ''), row[index]]
    if (cell === PASSED) passed.add(name)
    else if (reasons.has(cell)) others.add(name)
    else if (cell !== ABSENT) throw new Error(`${DOCUMENT} has no reason "${cell}" for ${name}`)
  }
  return { passed, others }
}
