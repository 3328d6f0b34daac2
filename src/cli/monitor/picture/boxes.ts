/** The contents of the boxes of the graph. They depend on the processes, not on their figures, so that nothing moves. */
import type { MonitorFrame, MonitorNode, MonitorRow, MonitorRowKind } from '../frame.js'
import type { Size } from './layout.js'

export const HEADER_HEIGHT = 48
export const ITEM_HEIGHT = 20
const PADDING = 10
const CLIENT_SIZE = { width: 168, height: 36 }

/** The items of each box, and the widths of boxes, with so many processes at most. */
const DENSITIES = [
  { processesMax: 9, items: 8, width: 260 },
  { processesMax: 20, items: 4, width: 232 },
  { processesMax: 36, items: 2, width: 212 },
  { processesMax: Number.POSITIVE_INFINITY, items: 0, width: 196 },
] as const

const KIND_ORDER: readonly MonitorRowKind[] = ['service', 'topic', 'queue', 'cell', 'gateway', 'subscription']

export interface Box extends Size {
  readonly node: MonitorNode
  readonly items: readonly MonitorRow[]
  /** Items that have no room. */
  readonly more: number
  /** Of all its rows. */
  readonly warnings: readonly string[]
}

export function boxesOf({ nodes, rows }: MonitorFrame): Box[] {
  const processes = nodes.filter(({ kind }) => kind === 'process').length
  const density = DENSITIES.find(({ processesMax }) => processes <= processesMax) ?? DENSITIES[0]
  const byNode = new Map<string, MonitorRow[]>()
  for (const row of rows)
    if (row.kind !== 'channel') byNode.set(row.node, [...(byNode.get(row.node) ?? []), row])
  return nodes.map((node) => {
    if (node.kind !== 'process')
      return { id: node.id, node, items: [], more: 0, warnings: [], ...CLIENT_SIZE }
    const all = (byNode.get(node.id) ?? []).toSorted(inOrder)
    const items = all.slice(0, density.items)
    const more = density.items === 0 ? 0 : all.length - items.length
    const lines = items.length + (more > 0 ? 1 : 0)
    const height = HEADER_HEIGHT + (lines === 0 ? 4 : lines * ITEM_HEIGHT + PADDING)
    return { id: node.id, node, items, more, warnings: node.warnings, width: density.width, height }
  })
}

function inOrder(a: MonitorRow, b: MonitorRow): number {
  return KIND_ORDER.indexOf(a.kind) - KIND_ORDER.indexOf(b.kind) || (a.name < b.name ? -1 : 1)
}
