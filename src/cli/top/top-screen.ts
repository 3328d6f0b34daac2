/** The lines of `shmwire top`. */
import type { CommandIo } from '../command.js'
import { type Column, tableLines } from '../table.js'
import { cutToWidth } from '../text-width.js'
import type { TopProcess, TopRow } from './top-rows.js'
import { SORT_NAMES, type TopView } from './top-view.js'

/** The content of one refresh. */
export interface TopSample {
  readonly processes: readonly TopProcess[]
  readonly rows: readonly TopRow[]
  /** Servers that did not answer, with the reasons. */
  readonly unanswered: readonly {
    readonly address: string
    readonly code: string
    readonly message: string
  }[]
}

type Style = Pick<CommandIo, 'style'>

const COLUMNS: readonly Column[] = [
  { title: 'PID', isNumber: true },
  { title: 'KIND' },
  { title: 'NAME' },
  { title: 'PEER' },
  { title: 'MSG/S', isNumber: true },
  { title: 'BYTES/S', isNumber: true },
  { title: 'DEPTH', isNumber: true },
  { title: 'HIGH', isNumber: true },
  { title: 'WAKES/S', isNumber: true },
  { title: 'SPINS/S', isNumber: true },
  { title: 'DROPS', isNumber: true },
  { title: 'LAG', isNumber: true },
]
/** The column PEER has no order. */
const SORTED_COLUMNS = COLUMNS.filter(({ title }) => title !== 'PEER')

const NAME_COLUMNS_MAX = 32
const PROCESSES_SHOWN_MAX = 5
const KEYS = 'q quit  < > sort  I invert  / filter  Z pause  h help'
const HELP = `
  q, F10, Ctrl-C   quit
  < >, F6          sort by the column to the left or right
  P M N T          sort by messages/s, bytes/s, pid, lag
  I                invert the order
  / \\ F4           show only rows that contain a text; Escape shows all again
  Up Down PgUp PgDn Home End   scroll
  Z                pause
  h, ?, F1         this help

  DEPTH    bytes that were written and not yet read, or the bytes of a queue
  HIGH     the largest depth since the start
  WAKES/S  how often one side woke the other
  SPINS/S  turns of polling that found nothing
  DROPS    since the start: lost messages, dropped subscribers and dead jobs, failed calls
  LAG      messages that a subscription has not read, jobs that wait, calls that run

  Any key returns.`.split('\n')

/** All of a sample, for `--once`. */
export function printedLines(sample: TopSample, view: TopView, { style }: Style): string[] {
  const [titles = '', ...lines] = tableLines(titledColumns(view), view.arrange(sample.rows).map(cellsOf))
  return [
    ...processLines(sample, Number.POSITIVE_INFINITY),
    ...unansweredLines(sample),
    '',
    style('bold', titles),
    ...lines,
  ]
}

/** Exactly `rows` lines of at most `columns` characters. */
export function screenLines(
  sample: TopSample,
  view: TopView,
  { style }: Style,
  size: { readonly columns: number; readonly rows: number },
): string[] {
  const arranged = view.arrange(sample.rows)
  const head = [...processLines(sample, PROCESSES_SHOWN_MAX), ...unansweredLines(sample).slice(0, 1)]
  const cut = (line: string): string => cutToWidth(line, size.columns)
  if (view.showsHelp) return filled(HELP.map(cut), size.rows)
  // The titles and the line of keys.
  const visible = view.page(arranged, size.rows - head.length - 2)
  const [titles = '', ...lines] = tableLines(titledColumns(view), visible.map(cellsOf))
  const body = [...head.map(cut), style('inverse', cut(titles).padEnd(size.columns)), ...lines.map(cut)]
  return [...filled(body, size.rows - 1), cut(statusLine(view, arranged.length))]
}

function filled(lines: readonly string[], rows: number): string[] {
  const empty = Array.from({ length: Math.max(0, rows - lines.length) }, () => '')
  return [...lines.slice(0, Math.max(0, rows)), ...empty]
}

function statusLine(view: TopView, count: number): string {
  if (view.isTyping) return `filter: ${view.filter}_`
  const filter = view.filter === '' ? '' : `  filter: ${view.filter}`
  const paused = view.isPaused ? '  PAUSED' : ''
  return `${count === 1 ? '1 row' : `${count} rows`}${filter}${paused}  ${KEYS}`
}

/** Marks the column of the order. */
function titledColumns({ sort, isInverted }: TopView): Column[] {
  const sorted = SORTED_COLUMNS[SORT_NAMES.indexOf(sort)]
  const mark = isInverted ? '△' : '▽'
  return COLUMNS.map((column) =>
    column === sorted ? { ...column, title: `${column.title}${mark}` } : column,
  )
}

function processLines({ processes }: TopSample, max: number): string[] {
  if (processes.length === 0) return ['no process answers']
  const busiest = processes.toSorted((a, b) => b.cpuPercent - a.cpuPercent)
  const lines = busiest.slice(0, max).map((one) => {
    const thread = one.threadId === 0 ? '' : ` thread ${one.threadId}`
    const delay =
      one.loopDelayMs === undefined
        ? ''
        : `  delay ${one.loopDelayMs.toFixed(1)} ms (p99 ${(one.loopDelayP99Ms ?? 0).toFixed(1)} ms)`
    const descriptors = one.openDescriptors === undefined ? '' : `  fds ${one.openDescriptors}`
    return (
      `${one.pid}${thread} ${one.title}  cpu ${one.cpuPercent.toFixed(1)} %  ` +
      `loop ${one.loopPercent.toFixed(1)} %${delay}  rss ${shortBytes(one.residentBytes)}${descriptors}`
    )
  })
  const more = processes.length - lines.length
  return more > 0 ? [...lines, `and ${more} more ${more === 1 ? 'process' : 'processes'}`] : lines
}

function unansweredLines({ unanswered }: TopSample): string[] {
  const [first] = unanswered
  if (first === undefined) return []
  const more = unanswered.length > 1 ? `, and ${unanswered.length - 1} more` : ''
  return [`without an answer: ${first.address} (${first.message})${more}`]
}

function cellsOf(row: TopRow): string[] {
  const thread = row.threadId === 0 ? '' : `/${row.threadId}`
  return [
    `${row.pid}${thread}`,
    row.kind === 'subscription' ? 'sub' : row.kind,
    cutToWidth(row.name, NAME_COLUMNS_MAX, '…'),
    row.peer,
    shortCount(row.messagesPerSecond),
    shortBytes(row.bytesPerSecond),
    shortBytes(row.depthBytes),
    shortBytes(row.highWaterBytes),
    shortCount(row.wakesPerSecond),
    shortCount(row.spinsPerSecond),
    shortCount(row.drops),
    shortCount(row.lag),
  ]
}

const DECIMAL = { step: 1_000, units: ['', 'k', 'M', 'G', 'T'] } as const
const BINARY = { step: 1_024, units: ['', 'K', 'M', 'G', 'T'] } as const

function shortCount(value: number | undefined): string {
  return value === undefined ? '-' : scaled(value, DECIMAL)
}

function shortBytes(value: number | undefined): string {
  return value === undefined ? '-' : scaled(value, BINARY)
}

function scaled(value: number, { step, units }: typeof DECIMAL | typeof BINARY): string {
  let unit = 0
  let rest = value
  // A value that would be shown as a whole step has the next unit.
  while (Math.round(rest) >= step && unit < units.length - 1) {
    rest /= step
    unit += 1
  }
  const text = unit > 0 && rest < 100 ? rest.toFixed(1) : String(Math.round(rest))
  return `${text}${units[unit]}`
}
