import { showBytes, showHeadline, showNanos, showRate } from './units.mjs'

/** What a scenario found, as lines for a terminal. */
export function reportScenario(result) {
  const lines = ['', result.title, `  ${result.question}`, '']
  const rows = [['', result.headline.name, 'ratio', 'p50', 'p99', 'p99.9', 'rate', 'bytes', 'CPU s/M', '']]
  for (const competitor of result.competitors) rows.push(rowOf(competitor, result))
  lines.push(...alignColumns(rows))
  if (result.verdict !== undefined) lines.push('', `  ${sentenceOf(result)}`)
  return lines
}

function rowOf(competitor, { headline }) {
  if (competitor.error !== undefined) return [competitor.title, `not measured: ${competitor.error}`]
  const { latencyNanos, messagesPerSecond, bytesPerSecond, cpuSecondsPerMillion } = competitor.median
  return [
    competitor.title,
    showHeadline(headline, competitor.headline),
    competitor.ratio === undefined ? '' : `${competitor.ratio.toFixed(2)} x`,
    showNanos(latencyNanos.p50),
    showNanos(latencyNanos.p99),
    showNanos(latencyNanos.p999),
    showRate(messagesPerSecond),
    `${showBytes(bytesPerSecond)}/s`,
    cpuSecondsPerMillion.both.toFixed(2),
    remarkOf(competitor),
  ]
}

function remarkOf({ noisy, spread, repetitions }) {
  const count = repetitions.filter(
    ({ cores }) => cores.client !== undefined && cores.client === cores.server,
  ).length
  const remarks = noisy ? [`noisy (±${Math.round(spread * 50)} %)`] : []
  if (count > 0) remarks.push(`on one core in ${count} of ${repetitions.length}`)
  return remarks.join(', ')
}

/** Whether this version does what it must. */
export function sentenceOf({ title, verdict, target }) {
  const { reached, ratio } = verdict
  const found = ratio === undefined ? 'not measured' : `${ratio.toFixed(2)} ${verdict.comparison}`
  const wanted = `wanted: at least ${target.ratioMin} times`
  return `${title}: ${found} (${wanted}): ${reached ? 'reached' : 'NOT reached'}`
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
