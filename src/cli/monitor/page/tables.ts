import type { MonitorFrame, MonitorNode, MonitorRow } from '../frame.js'
import { keyed, type Shape, shape } from '../picture/shape.js'
import { bytesText, countText, millisText, percentText, rateText } from '../picture/texts.js'

type Cell = string | number | undefined

interface Column<Item> {
  readonly title: string
  readonly value: (item: Item) => Cell
  /** Of a number. Without it, the column has texts. */
  readonly format?: (value: number) => string
}

export interface Order {
  /** The title of a column. */
  readonly column: string
  readonly isInverted: boolean
}

interface View {
  readonly order: Order
  readonly selected: string
}

/** A browser slows down with more. */
export const ROWS_SHOWN_MAX = 200

function rowColumns(nodes: ReadonlyMap<string, MonitorNode>): readonly Column<MonitorRow>[] {
  return [
    { title: 'Name', value: ({ name }) => name },
    { title: 'Kind', value: ({ kind }) => kind },
    { title: 'Process', value: ({ node }) => processText(nodes.get(node)) },
    { title: 'Peer', value: ({ peer }) => peer },
    { title: 'Messages', value: ({ messagesPerSecond }) => messagesPerSecond, format: rateText },
    {
      title: 'Throughput',
      value: ({ bytesPerSecond }) => bytesPerSecond,
      format: (value) => `${bytesText(value)}/s`,
    },
    { title: 'Depth', value: ({ depthBytes }) => depthBytes, format: bytesText },
    { title: 'Lag', value: ({ lag }) => lag, format: countText },
    { title: 'Drops', value: ({ drops }) => drops, format: countText },
  ]
}

const PROCESS_COLUMNS: readonly Column<MonitorNode>[] = [
  { title: 'Program', value: ({ title }) => title },
  { title: 'PID', value: ({ pid }) => pid, format: String },
  { title: 'Node.js', value: ({ nodeVersion }) => nodeVersion },
  { title: 'CPU', value: ({ cpuPercent }) => cpuPercent, format: percentText },
  { title: 'Loop', value: ({ loopPercent }) => loopPercent, format: percentText },
  { title: 'Delay p99', value: ({ loopDelayP99Ms }) => loopDelayP99Ms, format: millisText },
  { title: 'Memory', value: ({ residentBytes }) => residentBytes, format: bytesText },
  { title: 'Heap', value: ({ heapUsedBytes }) => heapUsedBytes, format: bytesText },
  { title: 'Descriptors', value: ({ openDescriptors }) => openDescriptors, format: countText },
]

export interface RowsTable {
  readonly shapes: Shape[]
  /** Rows that are not shown. */
  readonly more: number
}

/** @param filter in small letters */
export function rowsTable(frame: MonitorFrame, view: View, filter: string): RowsTable {
  const nodes = new Map(frame.nodes.map((node) => [node.id, node]))
  const columns = rowColumns(nodes)
  const process = nodes.has(view.selected) ? view.selected : undefined
  const wanted = frame.rows.filter(
    (row) =>
      (process === undefined || row.node === process) &&
      (filter === '' ||
        `${row.name} ${row.kind} ${row.peer} ${processText(nodes.get(row.node))}`
          .toLowerCase()
          .includes(filter)),
  )
  const items = arranged(wanted, columns, view.order)
  const shown = items.slice(0, ROWS_SHOWN_MAX)
  const rows = shown.map((row) => ({ key: row.key, item: row, warning: row.warning }))
  return { shapes: tableOf(columns, rows, view), more: items.length - shown.length }
}

export function processesTable(frame: MonitorFrame, view: View): Shape[] {
  const items = arranged(
    frame.nodes.filter(({ kind }) => kind === 'process'),
    PROCESS_COLUMNS,
    view.order,
  )
  const rows = items.map((node) => ({
    key: node.id,
    item: node,
    warning: node.warnings.join('\n') || undefined,
  }))
  return tableOf(PROCESS_COLUMNS, rows, view)
}

/** The next order after a press on a title. */
export function reordered({ column, isInverted }: Order, pressed: string): Order {
  return { column: pressed, isInverted: column === pressed && !isInverted }
}

function processText(node: MonitorNode | undefined): string {
  return node === undefined ? '' : `${node.pid ?? ''} ${node.title}`
}

/** Texts begin with the first one, figures with the largest one. Rows without a figure come last. */
function arranged<Item>(
  items: readonly Item[],
  columns: readonly Column<Item>[],
  { column, isInverted }: Order,
): Item[] {
  const [first] = columns as [Column<Item>]
  const { value, format } = columns.find(({ title }) => title === column) ?? first
  const direction = (format === undefined ? 1 : -1) * (isInverted ? -1 : 1)
  const compare = (a: Cell, b: Cell): number => {
    if (a === b) return 0
    if (a === undefined || b === undefined) return a === undefined ? 1 : -1
    return a < b ? -direction : direction
  }
  return items.toSorted((a, b) => compare(value(a), value(b)) || compareTexts(first.value(a), first.value(b)))
}

function compareTexts(a: Cell, b: Cell): number {
  return String(a) < String(b) ? -1 : Number(a !== b)
}

function tableOf<Item>(
  columns: readonly Column<Item>[],
  rows: readonly { readonly key: string; readonly item: Item; readonly warning: string | undefined }[],
  { order, selected }: View,
): Shape[] {
  const titles = columns.map(({ title, format }) => {
    const isSorted = title === order.column
    const isAscending = (format === undefined) !== order.isInverted
    const sort = isSorted ? (isAscending ? 'ascending' : 'descending') : undefined
    const mark = isSorted ? (isAscending ? ' ▴' : ' ▾') : ''
    const button = { ...shape('button', { type: 'button', 'data-sort': title }), text: `${title}${mark}` }
    return shape(
      'th',
      { scope: 'col', class: format === undefined ? undefined : 'number', 'aria-sort': sort },
      [button],
    )
  })
  const lines = rows.map(({ key, item, warning }) => {
    const isSelected = key === selected
    const cells = columns.map(({ value, format }, index) => {
      const cell = value(item)
      const text = cell === undefined ? '–' : format === undefined ? String(cell) : format(Number(cell))
      if (index > 0) return { ...shape('td', { class: format === undefined ? undefined : 'number' }), text }
      const button = {
        ...shape('button', { type: 'button', 'data-select': key, 'aria-pressed': String(isSelected) }),
        text,
      }
      return shape('th', { scope: 'row' }, [button])
    })
    const classes = [isSelected ? 'selected' : '', warning === undefined ? '' : 'warned']
      .filter((name) => name !== '')
      .join(' ')
    return keyed(key, shape('tr', { class: classes === '' ? undefined : classes, title: warning }, cells))
  })
  return [shape('thead', {}, [shape('tr', {}, titles)]), shape('tbody', {}, lines)]
}
