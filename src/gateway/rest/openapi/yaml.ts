const INDENT = '  '
/** YAML limits a key on the line of its value to 1,024 characters, with its quotation marks and escapes. */
const KEY_CHARACTERS_MAX = 1024
/** A text that no version of YAML takes for another value, unless it is one of `WORDS`. Some take E0 for a number. */
const PLAIN = /^[$/]?[A-Za-z](?:[A-Za-z][\w$./-]*)?(?: [A-Za-z][\w./-]*)*$/
/** Some versions of YAML take these words for truth values and null. */
const WORDS: ReadonlySet<string> = new Set(['true', 'false', 'null', 'yes', 'no', 'on', 'off', 'y', 'n'])
/** Lines that the reader gets unchanged, in a block. */
const LINES = /^[^\s\p{C}][^\p{C}\p{Zl}\p{Zp}]*(?:\n+[^\p{C}\p{Zl}\p{Zp}]+)+$/u
/** Characters that JSON has unescaped, and YAML not. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\ufeff\ufffe\uffff]/gu

/** A JSON value as a YAML 1.2 document in block style. Equal values give equal texts. */
export function yamlText(value: unknown): string {
  return `${block(value, '').replace(/^[\n ]/, '')}\n`
}

/** The text behind a key, a dash or the start of the document, with the space or line break before it. */
function block(value: unknown, indent: string): string {
  if (typeof value === 'string') return text(value, indent)
  if (typeof value !== 'object' || value === null) return ` ${JSON.stringify(value)}`
  const isList = Array.isArray(value)
  const lines = isList
    ? (value as unknown[]).map((item) => `${indent}-${listItem(item, indent)}`)
    : Object.entries(value)
        .filter(([, member]) => member !== undefined)
        .map(([key, member]) => `${indent}${entry(key, member, indent)}`)
  return lines.length === 0 ? (isList ? ' []' : ' {}') : `\n${lines.join('\n')}`
}

/** The first key of an object is on the line of its dash. */
function listItem(item: unknown, indent: string): string {
  const inner = block(item, indent + INDENT)
  return inner.startsWith('\n') ? ` ${inner.slice(1 + indent.length + INDENT.length)}` : inner
}

function entry(key: string, value: unknown, indent: string): string {
  const written = scalar(key)
  const explicit = written.length > KEY_CHARACTERS_MAX ? `? ${written}\n${indent}:` : `${written}:`
  return `${explicit}${block(value, indent + INDENT)}`
}

function text(value: string, indent: string): string {
  if (!LINES.test(value)) return ` ${scalar(value)}`
  // At the top, lines need an indentation too.
  const inner = indent === '' ? INDENT : indent
  const lines = value.split('\n').map((line) => (line === '' ? '' : `${inner}${line}`))
  return ` |-\n${lines.join('\n')}`
}

function scalar(value: string): string {
  if (PLAIN.test(value) && !WORDS.has(value.toLowerCase())) return value
  return JSON.stringify(value).replaceAll(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
