import { showBytes, showHeadline, showNanos, showRate } from './units.mjs'
import { showBound, showFound, showVerdict } from './verdicts.mjs'

/** Columns of a table for which any competitor has a figure. */
const COLUMNS = [
  ['p50', ({ latencyNanos }) => latencyNanos && showNanos(latencyNanos.p50)],
  ['p99', ({ latencyNanos }) => latencyNanos && showNanos(latencyNanos.p99)],
  ['p99.9', ({ latencyNanos }) => latencyNanos && showNanos(latencyNanos.p999)],
  ['rate', ({ messagesPerSecond }) => messagesPerSecond && showRate(messagesPerSecond)],
  ['bytes', ({ bytesPerSecond }) => bytesPerSecond && `${showBytes(bytesPerSecond)}/s`],
  ['accepted', ({ publishedPerSecond }) => publishedPerSecond && showRate(publishedPerSecond)],
  ['CPU s/M', ({ cpuSecondsPerMillion }) => cpuSecondsPerMillion?.both.toFixed(2)],
  ["client's CPU", ({ cpuPercent }) => cpuPercent && `${cpuPercent.client.toFixed(2)} %`],
  ...['hop1', 'hop2', 'hop3'].map((hop) => [hop, ({ hopNanos }) => hopNanos && showNanos(hopNanos[hop])]),
  ['wake-ups', ({ wakeUpsPerSecond }) => wakeUpsPerSecond && showRate(wakeUpsPerSecond.both)],
]

const HEADLINE_COLUMNS = { median: 'p50', p99: 'p99', late: 'p50' }

/** The columns and cells of a table, as the terminal and the documentation show them. Rows: best first, then the unmeasured ones. */
export function tableCells({ headline, options, competitors }) {
  const measured = competitors.filter((one) => one.headline !== undefined)
  const columns = COLUMNS.filter(
    ([name, show]) => !isHeadline(name, headline) && measured.some((one) => show(one.median)),
  )
  const isMore = headline.unit === 'per second' || headline.unit === 'bytes per second'
  const sorted = measured.toSorted((a, b) => (isMore ? b.headline - a.headline : a.headline - b.headline))
  return {
    head: ['', headline.name, 'ratio', ...columns.map(([name]) => name), ''],
    rows: sorted.map((one) => [
      one.title,
      showHeadline(headline, one.headline),
      showRatio(one.ratio),
      ...columns.map(([, show]) => show(one.median) ?? ''),
      remarkOf(one, options),
    ]),
    remarks: competitors
      .filter((one) => one.headline === undefined)
      .map(({ title, absent, error }) => [title, absent ?? `failed: ${error}`]),
  }
}

/** A column that would repeat the headline. */
function isHeadline(column, { name, unit }) {
  return column === HEADLINE_COLUMNS[name] || (column === 'rate' && unit === 'per second')
}

/** The figures of a scenario, as lines for a terminal. */
export function reportTable(table) {
  const { head, rows, remarks } = tableCells(table)
  return ['', table.title, `  ${table.question}`, '', ...alignColumns([head, ...rows, ...remarks])]
}

/** Whether this version reaches its targets, as lines for a terminal. */
export function reportVerdicts(verdicts) {
  const rows = verdicts.map((verdict) => [
    verdict.what,
    verdict.value === undefined ? '' : showFound(verdict),
    showBound(verdict, verdict.atLeast ?? verdict.atMost),
    showBound(verdict, verdict.aim),
    showVerdict(verdict),
  ])
  return ['', 'Targets', '', ...alignColumns([['', 'measured', 'expected', 'aim', ''], ...rows])]
}

function showRatio(ratio) {
  if (ratio === undefined) return ''
  return `${ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(ratio >= 10 ? 1 : 2)} ×`
}

function remarkOf({ noisy, spread, repetitions }, { pinned }) {
  const count = repetitions.filter(
    ({ cores }) => cores?.client !== undefined && cores.client === cores.server,
  ).length
  const remarks = noisy ? [`noisy (±${Math.round(spread * 50)} %)`] : []
  if (count > 0 && !pinned) remarks.push(`on one core in ${count} of ${repetitions.length}`)
  return remarks.join(', ')
}

/** The first column to the left, the others to the right. A row of two cells is a remark and does not widen columns. */
function alignColumns(rows) {
  const whole = rows.filter((row) => row.length > 2)
  const widths = whole[0].map((_, column) => Math.max(...whole.map((row) => row[column].length)))
  widths[0] = Math.max(...rows.map((row) => row[0].length))
  return rows.map((row) => {
    if (row.length === 2) return `  ${row[0].padEnd(widths[0])}  ${row[1]}`
    const cells = row.map((cell, column) =>
      column === 0 || column === row.length - 1 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
    )
    return `  ${cells.join('  ')}`.trimEnd()
  })
}
