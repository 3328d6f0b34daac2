// The sections of a report as text for a terminal, and as Markdown in the marked part of a page.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

export const BEGIN = '<!-- generated: begin -->'
export const END = '<!-- generated: end -->'
const NUMBER = /^[\d.,]+( %)?$/

/** Without the details. */
export function asText(sections) {
  return sections
    .filter(({ isDetail }) => isDetail !== true)
    .map(
      (section) =>
        `\n${section.title}\n${linesOf(section)
          .map((line) => `  ${line}`)
          .join('\n')}`,
    )
    .join('\n')
}

function linesOf({ head, rows, lines }) {
  if (lines !== undefined) return lines
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)))
  const isNumber = head.map((_, column) => rows.some((row) => NUMBER.test(row[column])) && column > 0)
  return (head.every((word) => word === '') ? rows : all).map((row) =>
    row
      .map((cell, column) => (isNumber[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  )
}

function asMarkdown(sections) {
  return sections
    .map((section) => {
      if (section.lines !== undefined)
        return `#### ${section.title}\n\n\`\`\`\n${section.lines.join('\n')}\n\`\`\`\n`
      const { title, head, rows } = section
      const isNumber = head.map((_, column) => column > 0 && rows.some((row) => NUMBER.test(row[column])))
      const table = [head, isNumber.map((right) => (right ? '---:' : '---')), ...rows]
      return `### ${title}\n\n${table.map((row) => `| ${row.join(' | ')} |`).join('\n')}\n`
    })
    .join('\n')
}

/** Writes the figures to a file of JSON. Otherwise replaces the generated part of a page; writes a new one if there is none. */
export function writeReport(path, sections, figures) {
  if (path.endsWith('.json')) {
    writeFileSync(path, `${JSON.stringify(figures, undefined, 2)}\n`)
    return
  }
  const page = existsSync(path) ? readFileSync(path, 'utf8') : `# Load\n\n${BEGIN}\n${END}\n`
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (from === -1 || to < from) throw new Error(`${path} has no generated part: ${BEGIN} and ${END}`)
  const report = `${BEGIN}\n\n${asMarkdown(sections)}\n`
  writeFileSync(path, page.slice(0, from) + report + page.slice(to))
}
