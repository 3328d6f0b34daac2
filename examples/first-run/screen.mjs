const WIDTH_MAX = 100
const WIDTH_MIN = 48
/** So often a bar is drawn anew. */
const FRAME_MS = 50

const { stdout } = process
export const isTerminal = stdout.isTTY && process.env['TERM'] !== 'dumb'
const hasColor = isTerminal && !process.env['NO_COLOR']

/** Columns to write in. */
export function width() {
  return Math.max(WIDTH_MIN, Math.min(WIDTH_MAX, stdout.columns ?? 80) - 1)
}

const style = (open, close) => (text) => (hasColor ? `\x1b[${open}m${text}\x1b[${close}m` : text)
export const bold = style(1, 22)
export const dim = style(2, 22)
export const green = style(32, 39)
export const cyan = style(36, 39)
export const red = style(31, 39)

export function print(text = '') {
  stdout.write(`${text}\n`)
}

/** Text broken at spaces, each line behind `indent`. */
export function paragraph(text, indent = '  ') {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== '' && indent.length + line.length + 1 + word.length > width()) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map((line) => indent + line).join('\n')
}

/** `left` at the left and `right` at the right, on two lines where one is too narrow. Lengths are those without colour. */
export function bothEnds(left, right, paint = { left: bold, right: green }) {
  if (right === '') return paint.left(left)
  const gap = width() - left.length - right.length
  if (gap < 2) return `${paint.left(left)}\n    ${paint.right(right)}`
  return `${paint.left(left)}${' '.repeat(gap)}${paint.right(right)}`
}

/** A bar of `columns` columns, `part` of which is full, to an eighth of a column. */
export function bar(part, columns, paint = cyan) {
  const eighths = Math.max(1, Math.round(Math.min(1, part) * columns * 8))
  const rest = eighths % 8
  return paint('█'.repeat(Math.floor(eighths / 8)) + (rest === 0 ? '' : ' ▏▎▍▌▋▊▉'[rest]))
}

/** One line that shows how far something is; on anything but a terminal, nothing. */
export class Progress {
  #drawnMs = 0

  show(part, text) {
    const nowMs = performance.now()
    if (!isTerminal || nowMs - this.#drawnMs < FRAME_MS) return
    this.#drawnMs = nowMs
    const columns = Math.max(10, Math.min(40, width() - text.length - 5))
    const full = Math.round(Math.min(1, part) * columns)
    const drawn = `  ${cyan('━'.repeat(full))}${dim('─'.repeat(columns - full))}  ${text}`
    stdout.write(`\r\x1b[K${drawn}`)
  }

  clear() {
    if (isTerminal) stdout.write('\r\x1b[K')
  }
}
