/** A narrower column would have one word in each line. */
const WIDTH_MIN = 20

/**
 * Breaks a text at spaces into lines that fit into a terminal of `columns` behind an indent. The first line has none, because other text is
 * before it. Without `columns`, as in a file, a text is one line.
 */
export function wrap(text: string, indent: number, columns: number | undefined): string {
  if (columns === undefined) return text
  const width = Math.max(WIDTH_MIN, columns - indent)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`)
}
