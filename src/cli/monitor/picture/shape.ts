/** A part of a drawing: an element of SVG. The page makes elements of it, and the picture makes text of it. */
export interface Shape {
  readonly tag: string
  /** The same part of the next drawing has the same key, so that the page keeps its element. */
  readonly key?: string | undefined
  readonly attributes: Readonly<Record<string, string | number>>
  readonly children: readonly Shape[]
  /** Instead of children. */
  readonly text?: string | undefined
}

export function shape(
  tag: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
  children: readonly (Shape | undefined)[] = [],
): Shape {
  const defined = Object.entries(attributes).filter(
    (entry): entry is [string, string | number] => entry[1] !== undefined,
  )
  return {
    tag,
    attributes: Object.fromEntries(defined.map(([name, value]) => [name, rounded(value)])),
    children: children.filter((child) => child !== undefined),
  }
}

export function keyed(key: string, one: Shape): Shape {
  return { ...one, key }
}

export function textShape(
  x: number,
  y: number,
  text: string,
  attributes: Readonly<Record<string, string | number | undefined>>,
): Shape {
  return { ...shape('text', { x, y, ...attributes }), text }
}

/** Shown while the pointer is over the part around it. */
export function tooltip(text: string): Shape {
  return { ...shape('title', {}), text }
}

/** As a file. */
export function svgText(root: Shape): string {
  const attributes = { xmlns: 'http://www.w3.org/2000/svg', ...root.attributes }
  return `<?xml version="1.0" encoding="UTF-8"?>\n${markup({ ...root, attributes })}\n`
}

function markup({ tag, attributes, children, text }: Shape): string {
  const names = Object.entries(attributes).map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
  const content = text === undefined ? children.map(markup).join('') : escaped(text)
  return content === '' ? `<${tag}${names.join('')}/>` : `<${tag}${names.join('')}>${content}</${tag}>`
}

/** Everything but the characters of XML 1.0: https://www.w3.org/TR/xml/#charsets */
const NOT_XML = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu

function escaped(text: string): string {
  return text
    .replace(NOT_XML, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

function rounded(value: string | number): string | number {
  return typeof value === 'number' ? Math.round(value * 100) / 100 : value
}

/** About the width of a letter of DejaVu Sans, which is wider than most fonts, at a font size of 1, and of a wide character. */
const EM_NARROW = 0.6
const EM_WIDE = 1.05
const WIDE_FROM = 0x1100

/** Cuts a text to about `width` pixels. */
export function fit(text: string, width: number, fontSize: number): string {
  let left = width / fontSize
  let shown = ''
  for (const character of text) {
    left -= (character.codePointAt(0) ?? 0) >= WIDE_FROM ? EM_WIDE : EM_NARROW
    if (left < 0) return `${shown.slice(0, -1).trimEnd()}…`
    shown += character
  }
  return shown
}
