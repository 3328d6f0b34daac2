import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ROOT, readDocument } from '../support/documents.js'

const HEADING = '## Practices'
const MISSING = 'not yet'
/** A link to a page, or several of them. */
const PAGES = /^\[[^\]]+\]\([\w./-]+\.md(?:#[\w-]+)?\)(?:, \[[^\]]+\]\([\w./-]+\.md(?:#[\w-]+)?\))*$/
/** A file of tests, and the name of one of its tests. */
const TEST = /^`(test\/[\w./-]+)`: (.+)$/

interface Row {
  readonly practice: string
  readonly feature: string
  readonly page: string
  readonly test: string
}

const rows: readonly Row[] = [...textOfPractices().matchAll(/^\|(?! practice| -)(.*)\|$/gm)].map(
  ([, row = '']) => {
    const [practice = '', feature = '', page = '', test = ''] = row.split('|').map((cell) => cell.trim())
    return { practice, feature, page, test }
  },
)

function textOfPractices(): string {
  const text = readDocument('docs/coverage.md')
  const start = text.indexOf(HEADING)
  return start === -1 ? '' : text.slice(start)
}

it('has rows for all groups of practices', () => {
  expect(rows.length).toBeGreaterThan(40)
  expect(new Set(rows.map(({ practice }) => practice)).size).toBe(rows.length)
})

it.each(rows)('"$practice" has a feature, a page and a test that exists', ({ feature, page, test }) => {
  expect(feature).not.toBe('')
  if (feature === MISSING) {
    expect([page, test]).toEqual(['', ''])
    return
  }
  expect(page).toMatch(PAGES)
  const [, file = '', name = ''] = TEST.exec(test) ?? []
  expect(existsSync(join(ROOT, file)), test).toBe(true)
  expect(readFileSync(join(ROOT, file), 'utf8')).toContain(name)
})
