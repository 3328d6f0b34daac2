/** Three significant digits: 1.23, 12.3, 123, 1234. */
export function digits(value) {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

export function showNanos(nanos) {
  if (nanos < 1000) return `${Math.round(nanos)} ns`
  return nanos < 1e6 ? `${digits(nanos / 1000)} µs` : `${digits(nanos / 1e6)} ms`
}

/** Powers of ten throughout: MB is 1,000,000 bytes. */
export function showBytes(bytes) {
  // Negative if memory was freed meanwhile: the figure is too small to measure.
  if (bytes < 0) return 'below noise'
  if (bytes < 1000) return `${Math.round(bytes)} B`
  if (bytes < 1e6) return `${digits(bytes / 1000)} kB`
  return bytes < 1e9 ? `${digits(bytes / 1e6)} MB` : `${digits(bytes / 1e9)} GB`
}

export function showRate(perSecond) {
  if (perSecond < 1000) return `${digits(perSecond)}/s`
  return perSecond < 1e6 ? `${digits(perSecond / 1000)} k/s` : `${digits(perSecond / 1e6)} M/s`
}

/** @param {{ unit: import('../scenarios/scenario.js').Unit }} headline */
export function showHeadline({ unit }, value) {
  switch (unit) {
    case 'nanoseconds':
      return showNanos(value)
    case 'percent':
      return `${value.toFixed(2)} %`
    case 'bytes':
      return showBytes(value)
    case 'kibibytes':
      if (value < 0) return 'below noise'
      return `${(value / 1024).toFixed(0)} KiB`
    case 'bytes per second':
      return `${showBytes(value)}/s`
    default:
      return showRate(value)
  }
}
