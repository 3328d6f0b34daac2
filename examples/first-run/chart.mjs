import { digits, showBytes, showNanos } from '../../bench/support/units.mjs'
import { bar, bold, bothEnds, cyan, dim, print, width } from './screen.mjs'

const LABEL_COLUMNS = 18
const VALUE_COLUMNS = 16
const RANGE_COLUMNS = 17
const BAR_COLUMNS_MIN = 8

/** One measure: a line for each competitor, with the middle value, the range of the rounds, and a bar. */
export function printMeasure(measure) {
  const { title, rows } = measure
  const largest = Math.max(...rows.map(({ value }) => value))
  const hasRange = width() >= 4 + LABEL_COLUMNS + VALUE_COLUMNS + RANGE_COLUMNS + BAR_COLUMNS_MIN
  const barColumns = width() - 4 - LABEL_COLUMNS - VALUE_COLUMNS - (hasRange ? RANGE_COLUMNS : 0)
  print()
  print(bothEnds(`  ${title}`, comparisonOf(measure)))
  for (const [index, { label, value, low, high }] of rows.entries()) {
    const range = hasRange ? dim(rangeOf(measure, low, high).padEnd(RANGE_COLUMNS)) : ''
    const isFirst = index === 0
    const text = `    ${label.padEnd(LABEL_COLUMNS)}${show(measure, value).padStart(VALUE_COLUMNS - 2)}  `
    print(`${isFirst ? bold(text) : text}${range}${bar(value / largest, barColumns, isFirst ? cyan : dim)}`)
  }
}

/** "3.4 times shorter than the net socket": the first row against the last one. */
function comparisonOf({ rows, isShorterBetter }) {
  const [first, last] = [rows[0], rows.at(-1)]
  if (rows.length < 2) return ''
  const other = last.label.startsWith('net') ? `the ${last.label}` : last.label
  const times = first.value / last.value
  if (!isShorterBetter) return `${digits(times)} times as much as ${other}`
  return times <= 1
    ? `${digits(1 / times)} times shorter than ${other}`
    : `${digits(times)} times longer than ${other}`
}

function show({ unit }, value) {
  if (unit === 'bytes') return `${showBytes(value)}/s`
  if (unit === 'messages') return `${digits(value / 1e6)} million/s`
  return showNanos(value)
}

function rangeOf({ unit }, low, high) {
  const [divisor, name] = scaleOf(unit, high)
  return `${digits(low / divisor)}–${digits(high / divisor)}${name}`
}

/** Both ends of a range in one unit. */
function scaleOf(unit, value) {
  if (unit === 'messages') return [1e6, ' M/s']
  if (unit === 'bytes') return value < 1e9 ? [1e6, ' MB/s'] : [1e9, ' GB/s']
  return value < 1e6 ? [1e3, ' µs'] : [1e6, ' ms']
}
