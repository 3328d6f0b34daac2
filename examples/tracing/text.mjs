// A trace as text for a terminal.
import { lengthOf } from './tree.mjs'

const NAME_WIDTH = 38
const PROCESS_WIDTH = 8
const BAR_WIDTH = 23

export function printTrace(rows) {
  const perColumn = lengthOf(rows) / BAR_WIDTH
  return rows.map((row) => line(row, perColumn)).join('\n')
}

function line({ name, kind, process, depth, atMs, durationMs }, perColumn) {
  const begin = Math.min(BAR_WIDTH - 1, Math.floor(atMs / perColumn))
  const length = Math.max(1, Math.min(BAR_WIDTH - begin, Math.round(durationMs / perColumn)))
  const bar = `${'·'.repeat(begin)}${'█'.repeat(length)}`.padEnd(BAR_WIDTH, '·')
  const indented = `${'  '.repeat(depth)}${shortName(name)} ${kind.toLowerCase()}`
  const shown = indented.length > NAME_WIDTH ? `${indented.slice(0, NAME_WIDTH - 1)}…` : indented
  return `${shown.padEnd(NAME_WIDTH)} ${process.padEnd(PROCESS_WIDTH)} ${bar} ${durationMs.toFixed(2).padStart(5)} ms`
}

/** Without the package of a service, and without the process id in the name of the queue. */
export function shortName(name) {
  return name.replace(/^shop\./, '').replace(/-\d+$/, '')
}
