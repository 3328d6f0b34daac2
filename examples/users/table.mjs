// Prints the measured paths as a table, with the machine on which the times were measured.
import { availableParallelism, cpus, release, type } from 'node:os'
import { styleText } from 'node:util'

const COLUMNS = ['Path', 'Transport', 'GetUser', 'StreamUsers', 'Bytes']

export function printTable(title, rows, count) {
  const cells = rows.map(({ name, transport, callMs, streamMs, same }) => [
    name,
    transport,
    callMs === undefined ? '–' : showTime(callMs),
    showTime(streamMs),
    same ? 'same' : 'DIFFERENT',
  ])
  const widths = COLUMNS.map((title, column) =>
    Math.max(...[COLUMNS, ...cells].map((row) => row[column].length)),
  )
  const line = (row) =>
    row
      .map((cell, column) =>
        column === 2 || column === 3 ? cell.padStart(widths[column]) : cell.padEnd(widths[column]),
      )
      .join('   ')
  console.log(`\n${styleText('bold', title)}\n`)
  console.log(styleText('bold', `  ${line(COLUMNS)}`))
  console.log(`  ${widths.map((width) => '─'.repeat(width)).join('   ')}`)
  for (const [index, row] of cells.entries())
    console.log(styleText(rows[index].same ? 'reset' : 'red', `  ${line(row)}`))
  console.log(`\n  GetUser: the median of one warm call. StreamUsers: all ${count} users, the median of 5.`)
  console.log('  Bytes: the binary form of every user, compared byte for byte.')
  const [{ model = 'unknown CPU' } = {}] = cpus()
  console.log(`  ${model.trim().replaceAll(/\s+/g, ' ')}, ${availableParallelism()} cores`)
  console.log(`  ${type()} ${release()}, Node.js ${process.version}\n`)
}

function showTime(ms) {
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`
  return ms < 100 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`
}
