const DIGITS = 3

/** A time with three significant digits, for example `764 ns` or `82.7 µs`. */
export function formatNanos(nanos: number): string {
  if (nanos < 1e3) return `${Math.round(nanos)} ns`
  if (nanos < 1e6) return `${digits(nanos / 1e3)} µs`
  return nanos < 1e9 ? `${digits(nanos / 1e6)} ms` : `${digits(nanos / 1e9)} s`
}

/** Messages of a second, for example `35.1 k/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond < 1e3) return `${digits(perSecond)}/s`
  return perSecond < 1e6 ? `${digits(perSecond / 1e3)} k/s` : `${digits(perSecond / 1e6)} M/s`
}

/** For example `64 B` or `1 KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${Number.isInteger(value) ? value : digits(value)} ${units[unit]}`
}

/** As in docs/benchmarks.md: 1.23, 12.3, 123, 1234. */
function digits(value: number): string {
  const whole = Math.max(1, Math.floor(value).toString().length)
  return value.toFixed(Math.max(0, DIGITS - whole))
}
