import { stripVTControlCharacters, styleText } from 'node:util'

export type Format = Parameters<typeof styleText>[0]

/** Where a command writes. */
export interface Terminal {
  readonly out: (text: string) => void
  /** Writes to stderr. */
  readonly error: (text: string) => void
  /** Colours a text, if the output shows colours. */
  readonly style: (format: Format, text: string) => string
}

/** Standard output and standard error. NO_COLOR and FORCE_COLOR apply. */
export function standardTerminal(): Terminal {
  const { stdout, stderr } = process
  // The colours of a stream that is not a terminal would end up in files.
  const isColoured = stdout.isTTY && stdout.hasColors()
  return {
    out: (text) => stdout.write(text),
    error: (text) => stderr.write(text),
    style: (format, text) => (isColoured ? styleText(format, text, { validateStream: false }) : text),
  }
}

export interface Column {
  readonly title: string
  /** Numbers are aligned to the right. */
  readonly isNumber?: boolean | undefined
}

/** The lines of a table, the titles first. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titles = columns.map(({ title }) => title)
  const widths = columns.map((_, index) =>
    Math.max(...[titles, ...rows].map((row) => widthOf(row[index] ?? ''))),
  )
  return [titles, ...rows].map((row) =>
    row
      .map((cell, index) => {
        const fill = ' '.repeat((widths[index] as number) - widthOf(cell))
        return columns[index]?.isNumber === true ? `${fill}${cell}` : `${cell}${fill}`
      })
      .join('  ')
      .trimEnd(),
  )
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
