import { timeOfDayMs } from '../../host.js'
import type { Snapshot } from '../../observe/figures.js'
import { type KeyedRow, keyedRows, topProcesses } from '../top/top-rows.js'
import { edgesOf, processNode } from './edges.js'
import type { MonitorFrame, MonitorNode, MonitorRow } from './frame.js'
import { queueWarnings, rowWarning, threadWarnings } from './warnings.js'

/** Of one frame. A snapshot has up to 1,024 rows of each kind, and there can be many processes. */
export const NODES_MAX = 200
export const EDGES_MAX = 1_000
export const ROWS_MAX = 2_000
const WARNINGS_MAX = 4
const UNANSWERED_MAX = 8

/** @param before of the same threads, for the rates */
export function frameOf(
  before: readonly Snapshot[],
  now: readonly Snapshot[],
  unanswered: MonitorFrame['unanswered'] = [],
): MonitorFrame {
  const queues = new Map(now.flatMap((one) => [...queueWarnings(one)]))
  const allRows = keyedRows(before, now).map((keyed) => rowOf(keyed, queues))
  const { edges: allEdges, others } = edgesOf(before, now)
  const allNodes = [...processNodes(before, now, allRows), ...others]
  const nodes = allNodes.slice(0, NODES_MAX)
  const shown = new Set(nodes.map(({ id }) => id))
  const edges = allEdges.filter(({ from, to }) => shown.has(from) && shown.has(to)).slice(0, EDGES_MAX)
  const rows = allRows.length > ROWS_MAX ? busiest(allRows) : allRows
  const cut = allNodes.length - nodes.length + allEdges.length - edges.length + allRows.length - rows.length
  return {
    atMs: timeOfDayMs(),
    nodes,
    edges,
    rows,
    unanswered: unanswered.slice(0, UNANSWERED_MAX),
    isFirst: before.length === 0 && now.length > 0,
    omitted:
      cut + now.flatMap(({ omitted }) => Object.values(omitted)).reduce((total, count) => total + count, 0),
  }
}

/** The frame of a round that failed. */
export function faultFrame(fault: string): MonitorFrame {
  return {
    atMs: timeOfDayMs(),
    nodes: [],
    edges: [],
    rows: [],
    unanswered: [],
    omitted: 0,
    isFirst: false,
    fault,
  }
}

function rowOf(keyed: KeyedRow, queues: ReadonlyMap<string, string>): MonitorRow {
  const { key, row, dropsPerSecond } = keyed
  return {
    key,
    node: processNode(row.pid),
    kind: row.kind,
    name: row.name,
    peer: row.peer,
    messagesPerSecond: row.messagesPerSecond,
    bytesPerSecond: row.bytesPerSecond,
    depthBytes: row.depthBytes,
    drops: row.drops,
    dropsPerSecond,
    lag: row.lag,
    warning: rowWarning(keyed) ?? queues.get(key),
  }
}

function busiest(rows: readonly MonitorRow[]): MonitorRow[] {
  const weight = ({ warning, messagesPerSecond = 0 }: MonitorRow): number =>
    warning === undefined ? messagesPerSecond : Number.POSITIVE_INFINITY
  const weighed = rows.map((row) => ({ row, weight: weight(row) }))
  return weighed
    .toSorted((a, b) => (a.weight === b.weight ? 0 : b.weight - a.weight))
    .slice(0, ROWS_MAX)
    .map(({ row }) => row)
}

/** One node for all threads of a process, in the order in which they started. */
function processNodes(
  before: readonly Snapshot[],
  now: readonly Snapshot[],
  rows: readonly MonitorRow[],
): MonitorNode[] {
  const nodes = new Map<string, MonitorNode>()
  const figures = topProcesses(before, now)
  const earlier = new Set(before.map(({ id }) => id))
  const threads = now.map((snapshot, index) => ({
    snapshot,
    figures: figures[index] as (typeof figures)[number],
  }))
  const ordered = threads.toSorted(
    (a, b) =>
      a.snapshot.process.startedAtMs - b.snapshot.process.startedAtMs || a.figures.pid - b.figures.pid,
  )
  for (const { snapshot, figures: thread } of ordered) {
    const id = processNode(thread.pid)
    const known = nodes.get(id)
    const { heapUsedBytes, nodeVersion } = snapshot.process
    nodes.set(id, {
      id,
      kind: 'process',
      pid: thread.pid,
      title: thread.title,
      nodeVersion,
      threads: (known?.threads ?? 0) + 1,
      cpuPercent: Math.max(known?.cpuPercent ?? 0, thread.cpuPercent),
      loopPercent: Math.max(known?.loopPercent ?? 0, thread.loopPercent),
      loopDelayP99Ms: larger(known?.loopDelayP99Ms, thread.loopDelayP99Ms),
      residentBytes: Math.max(known?.residentBytes ?? 0, thread.residentBytes),
      heapUsedBytes: (known?.heapUsedBytes ?? 0) + heapUsedBytes,
      openDescriptors: larger(known?.openDescriptors, thread.openDescriptors),
      // Without a reading before, the figures are those since the start.
      warnings: [
        ...(known?.warnings ?? []),
        ...(earlier.has(snapshot.id) ? threadWarnings(thread, snapshot) : []),
      ],
    })
  }
  const ofRows = new Map<string, string[]>()
  for (const { node, name, warning } of rows)
    if (warning !== undefined) ofRows.set(node, [...(ofRows.get(node) ?? []), `${name}: ${warning}`])
  return [...nodes.values()].map((node) => ({
    ...node,
    warnings: [...node.warnings, ...(ofRows.get(node.id) ?? [])].slice(0, WARNINGS_MAX),
  }))
}

function larger(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.max(a, b)
}
