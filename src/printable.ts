/**
 * Characters that are not shown but change the output of a terminal or a log: control characters (C0, DEL, C1), line and paragraph
 * separators, marks that change the direction of text, and lone surrogates.
 */
const HIDDEN = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]/gu

const SHORT: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
])

/**
 * Cuts a text to `charactersMax` characters and escapes its hidden ones, so that a text of a peer is one line of a log. An escaped text does
 * not change.
 */
export function printable(text: string, charactersMax = Number.POSITIVE_INFINITY): string {
  if (text.length <= charactersMax) return text.replace(HIDDEN, escapeOf)
  return `${text.slice(0, charactersMax).replace(HIDDEN, escapeOf)}… (${text.length} characters)`
}

function escapeOf(character: string): string {
  return SHORT.get(character) ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
