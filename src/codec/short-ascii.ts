const { fromCharCode } = String

/** The fastest way to create a short string. A call of the runtime takes longer. */
export function shortAscii(bytes: Buffer, start: number, length: number): string {
  if (length === 0) return ''
  const a = byteAt(bytes, start)
  if (length === 1) return fromCharCode(a)
  const b = byteAt(bytes, start + 1)
  if (length === 2) return fromCharCode(a, b)
  const c = byteAt(bytes, start + 2)
  if (length === 3) return fromCharCode(a, b, c)
  const d = byteAt(bytes, start + 3)
  if (length === 4) return fromCharCode(a, b, c, d)
  const e = byteAt(bytes, start + 4)
  if (length === 5) return fromCharCode(a, b, c, d, e)
  const f = byteAt(bytes, start + 5)
  if (length === 6) return fromCharCode(a, b, c, d, e, f)
  const g = byteAt(bytes, start + 6)
  if (length === 7) return fromCharCode(a, b, c, d, e, f, g)
  const h = byteAt(bytes, start + 7)
  if (length === 8) return fromCharCode(a, b, c, d, e, f, g, h)
  const i = byteAt(bytes, start + 8)
  if (length === 9) return fromCharCode(a, b, c, d, e, f, g, h, i)
  const j = byteAt(bytes, start + 9)
  if (length === 10) return fromCharCode(a, b, c, d, e, f, g, h, i, j)
  const k = byteAt(bytes, start + 10)
  if (length === 11) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k)
  const l = byteAt(bytes, start + 11)
  if (length === 12) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l)
  const m = byteAt(bytes, start + 12)
  if (length === 13) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m)
  const n = byteAt(bytes, start + 13)
  if (length === 14) return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  const o = byteAt(bytes, start + 14)
  return fromCharCode(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
}

export function byteAt(bytes: Buffer, position: number): number {
  return bytes[position] as number
}
