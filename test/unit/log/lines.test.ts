import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { LOG_LINES } from '../../../src/log/lines.js'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const LOG_FILES = new Set(['log/log.ts', 'log/lines.ts'])

/** The rows of the tables of lines: event, level, message, what to do. */
function documentedLines(): string[][] {
  const text = readFileSync(`${ROOT}docs/logs.md`, 'utf8')
  const rows = text
    .split('\n')
    .filter((line) => /^\| `[a-z]+\.[a-zA-Z]+` +\| (?:debug|warn|error)/.test(line))
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', '')),
  )
}

describe('the lines of the logger', () => {
  it('are listed in docs/logs.md, with the same level, text and action', () => {
    const rows = documentedLines()
    const lines = Object.entries(LOG_LINES).map(([event, { level, message, action = '' }]) => [
      event,
      level,
      message,
      action,
    ])
    const texts = (list: readonly string[][]): string[] => list.map((cells) => cells.join(' | ')).toSorted()
    expect(texts(rows)).toEqual(texts(lines))
  })

  it('are all written somewhere', () => {
    const files = readdirSync(`${ROOT}src`, { recursive: true, encoding: 'utf8' })
    const sources = files.filter((file) => file.endsWith('.ts') && !LOG_FILES.has(file))
    const code = sources.map((file) => readFileSync(`${ROOT}src/${file}`, 'utf8')).join('\n')
    const own = readFileSync(`${ROOT}src/log/log.ts`, 'utf8')
    const unused = Object.keys(LOG_LINES).filter(
      (event) => !(event === 'log.suppressed' ? own : code).includes(`'${event}'`),
    )
    expect(unused).toEqual([])
  })

  it.each(Object.entries(LOG_LINES))(
    '%s has a static text, and an action unless it is debug',
    (_event, line) => {
      const { level, message, action } = line
      expect(message).toMatch(/^[a-z][^\n]{10,140}[^.]$/i)
      expect(action !== undefined).toBe(level !== 'debug')
    },
  )
})
