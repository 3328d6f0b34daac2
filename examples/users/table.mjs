// Prints the measured paths as a table, with the machine on which the times were measured.
import { availableParallelism, cpus, release, type } from 'node:os'
import { styleText } from 'node:util'

const COLUMNS = ['Path', 'Transport', 'GetUser', 'StreamUsers', 'Bytes']
const ARE_NUMBERS = [false, false, true, true, false]
const GAP = '   '

export function printTable(title, rows, users) {
  const cells = rows.map(({ name, transport, callMs, streamMs, same }) => {
    return [name, transport, showTime(callMs), showTime(streamMs), same ? 'same' : 'DIFFERENT']
  })
  const widths = COLUMNS.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => row[column].length)),
  )
  const line = (row) => `  ${row.map((cell, column) => padded(cell, column, widths)).join(GAP)}`.trimEnd()
  console.log(`\n  ${styleText('bold', title)}\n`)
  console.log(styleText('bold', line(COLUMNS)))
  console.log(`  ${widths.map((width) => '─'.repeat(width)).join(GAP)}`)
  for (const [index, row] of cells.entries())
    console.log(rows[index].same ? line(row) : styleText('red', line(row)))
  console.log(`
  GetUser: one warm call, median of 200. StreamUsers: ${users} users, median of 5.
  Bytes: the binary form of each user that arrived, compared byte for byte.

  ${machine()}\n`)
}

function padded(cell, column, widths) {
  return ARE_NUMBERS[column] ? cell.padStart(widths[column]) : cell.padEnd(widths[column])
}

function showTime(ms) {
  if (ms === undefined) return '–'
  if (ms < 1) return `${(ms * 1000).toFixed(0)} µs`
  return ms < 100 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`
}

/** Without it, times mean nothing. */
function machine() {
  const model = cpus()[0]?.model.trim().replaceAll(/\s+/g, ' ') || 'unknown CPU'
  return `${model}, ${availableParallelism()} cores, ${type()} ${release()}, Node.js ${process.version}`
}
