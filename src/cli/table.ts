import { widthOf } from './text-width.js'

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
