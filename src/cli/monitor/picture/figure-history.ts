import type { MonitorFrame, MonitorNode, MonitorRow } from '../frame.js'
import { bytesText, countText, millisText, percentText, rateText } from './texts.js'

/** The selection that means all processes. */
export const ALL = 'all'

/** Five minutes at the default interval. */
export const SAMPLES_MAX = 300
/** Processes and rows that have charts. The memory of the page is bounded: about 20 KiB for each. */
const KEYS_MAX = 700

/** After the last sample. The next one comes later. */
const GAP_S = 0.001

/** A value of a figure. `null`: there is none, as uPlot expects it. */
export type Value = number | null

export interface Figure {
  readonly title: string
  readonly hint: string
  readonly format: (value: number) => string
  /** The labels of its axis: powers of two for bytes, and no fractions of messages. */
  readonly steps?: 'binary' | 'whole'
}

/** The charts, in their order. */
export const FIGURES: readonly Figure[] = [
  { title: 'Messages', hint: 'messages per second', format: rateText },
  {
    title: 'Throughput',
    hint: 'bytes of messages per second',
    format: (value) => `${bytesText(value)}/s`,
    steps: 'binary',
  },
  { title: 'CPU', hint: '100 % is one core', format: percentText },
  { title: 'Loop delay p99', hint: 'by how much timers are late', format: millisText },
  { title: 'Memory', hint: 'resident', format: bytesText, steps: 'binary' },
  {
    title: 'Depth',
    hint: 'bytes that are written and not yet read, and bytes of queues',
    format: bytesText,
    steps: 'binary',
  },
  {
    title: 'Lag',
    hint: 'messages not read, jobs that wait, calls that run',
    format: countText,
    steps: 'whole',
  },
  { title: 'Errors and drops', hint: 'per second', format: rateText },
]

/** The last samples of each figure, for all processes, for each process and for each row. */
export class FigureHistory {
  /** In seconds since 1970. */
  readonly times: number[] = []
  readonly #series = new Map<string, Value[][]>()

  /** A frame without a reading before has no rates of an interval, so it is not added. */
  add(frame: MonitorFrame): void {
    if (!frame.isFirst) this.#push(frame.atMs / 1_000, valuesOf(frame))
  }

  /** No figures follow for a while: the charts have a gap there, not a line. */
  interrupt(): void {
    const last = this.times.at(-1)
    if (last !== undefined) this.#push(last + GAP_S, new Map())
  }

  /** One list for each figure. Undefined: unknown. */
  of(key: string): readonly (readonly Value[])[] | undefined {
    return this.#series.get(key)
  }

  /** Later samples do not change it. */
  copy(): FigureHistory {
    const copy = new FigureHistory()
    copy.times.push(...this.times)
    for (const [key, columns] of this.#series)
      copy.#series.set(
        key,
        columns.map((column) => [...column]),
      )
    return copy
  }

  #push(seconds: number, values: ReadonlyMap<string, Value[]>): void {
    this.times.push(seconds)
    for (const key of values.keys()) if (!this.#series.has(key)) this.#begin(key)
    for (const [key, columns] of this.#series) {
      const present = values.get(key)
      columns.forEach((column, index) => {
        column.push(present?.[index] ?? null)
      })
    }
    if (this.times.length > SAMPLES_MAX) this.#shift()
  }

  #begin(key: string): void {
    if (this.#series.size >= KEYS_MAX) return
    const missing = this.times.length - 1
    this.#series.set(
      key,
      FIGURES.map(() => Array.from({ length: missing }, (): Value => null)),
    )
  }

  #shift(): void {
    this.times.shift()
    for (const [key, columns] of this.#series) {
      for (const column of columns) column.shift()
      if (columns.every((column) => column.every((value) => value === null))) this.#series.delete(key)
    }
  }
}

/** For each key, a value for each figure. */
function valuesOf({ nodes, edges, rows, fault }: MonitorFrame): Map<string, Value[]> {
  const values = new Map<string, Value[]>()
  if (fault !== undefined) return values
  const processes = nodes.filter(({ kind }) => kind === 'process')
  const all = processValues(processes, rows)
  all[0] = total(edges.map(({ messagesPerSecond }) => messagesPerSecond))
  all[1] = total(edges.map(({ bytesPerSecond }) => bytesPerSecond))
  values.set(ALL, all)
  const byNode = new Map<string, MonitorRow[]>()
  for (const row of rows) byNode.set(row.node, [...(byNode.get(row.node) ?? []), row])
  for (const node of processes) values.set(node.id, processValues([node], byNode.get(node.id) ?? []))
  for (const row of rows) values.set(row.key, rowValues(row))
  return values
}

/** Calls and jobs travel as messages of channels, so the rows of services and queues would count them again. */
const COUNTED: ReadonlySet<string> = new Set(['channel', 'topic', 'subscription'])

function processValues(nodes: readonly MonitorNode[], rows: readonly MonitorRow[]): Value[] {
  const counted = rows.filter(({ kind }) => COUNTED.has(kind))
  const delays = nodes.flatMap(({ loopDelayP99Ms }) => loopDelayP99Ms ?? [])
  return [
    total(counted.map(({ messagesPerSecond }) => messagesPerSecond)),
    total(counted.map(({ bytesPerSecond }) => bytesPerSecond)),
    total(nodes.map(({ cpuPercent }) => cpuPercent)),
    delays.length === 0 ? null : Math.max(...delays),
    total(nodes.map(({ residentBytes }) => residentBytes)),
    total(rows.map(({ depthBytes }) => depthBytes)),
    total(rows.map(({ lag }) => lag)),
    total(rows.map(({ dropsPerSecond }) => dropsPerSecond)),
  ]
}

function rowValues(row: MonitorRow): Value[] {
  const { messagesPerSecond, bytesPerSecond, depthBytes, lag, dropsPerSecond } = row
  return [messagesPerSecond, bytesPerSecond, null, null, null, depthBytes, lag, dropsPerSecond].map(
    (value) => value ?? null,
  )
}

function total(values: readonly (number | undefined)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0)
}
