/** The width of text in a terminal, in columns. */
import { stripVTControlCharacters } from 'node:util'

/** East Asian characters and emoji have two columns: https://www.unicode.org/reports/tr11/. Ambiguous ones have one here. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{17000}-\u{18cff}\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u
/** Marks on the character before, and characters that only join others. */
const NOTHING = /^[\p{Mn}\p{Me}\p{Cf}]*$/u
const ASCII = /^[\x20-\x7e]*$/
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** Sequences that control the terminal count as nothing. */
export function widthOf(text: string): number {
  const shown = stripVTControlCharacters(text)
  if (ASCII.test(shown)) return shown.length
  let width = 0
  for (const { segment } of graphemes.segment(shown)) width += columnsOf(segment)
  return width
}

/** The beginning of a text without control sequences that has at most `columns` columns. `mark` shows that a part is missing. */
export function cutToWidth(text: string, columns: number, mark = ''): string {
  if (widthOf(text) <= columns) return text
  const room = columns - widthOf(mark)
  let width = 0
  let end = 0
  for (const { segment, index } of graphemes.segment(text)) {
    width += columnsOf(segment)
    if (width > room) break
    end = index + segment.length
  }
  return `${text.slice(0, end)}${mark}`
}

function columnsOf(grapheme: string): number {
  if (NOTHING.test(grapheme)) return 0
  return WIDE.test(grapheme) ? 2 : 1
}
