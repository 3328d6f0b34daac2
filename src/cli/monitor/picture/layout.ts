/**
 * Places the boxes of a graph: clients on the left, their servers on the right of them. The layout depends only on the boxes and edges
 * themselves, so nothing moves while their figures change, and the same processes have the same places in each browser.
 *
 * The method is that of K. Sugiyama, S. Tagawa, M. Toda: "Methods for Visual Understanding of Hierarchical System Structures" (1981): layers by
 * the longest path, gaps in a layer for the edges that cross it, then sweeps that order each layer by the mean place of its neighbours.
 */

export interface Size {
  readonly id: string
  readonly width: number
  readonly height: number
}

export interface Link {
  readonly from: string
  readonly to: string
}

export interface Place extends Size {
  readonly x: number
  readonly y: number
}

export interface Point {
  readonly x: number
  readonly y: number
}

export interface Layout {
  readonly places: ReadonlyMap<string, Place>
  /** The gaps through which an edge crosses layers, by `linkKey`: two points for each. */
  readonly routes: ReadonlyMap<string, readonly Point[]>
  readonly width: number
  readonly height: number
}

const LAYERS_MAX = 6
const SWEEPS = 6
const GAP_Y = 18
/** For edges that cross a layer. Further edges are drawn behind the boxes. */
const GAP_HEIGHT = 8
const GAPS_MAX = 8
/** A small graph becomes larger than its texts need. */
const SCALE_MAX = 1.25
/** Between columns of one layer, and between layers, where the edges are. */
const GAP_COLUMNS = 26
const GAP_LAYERS = 130
const COLUMNS_MAX = 12

/** @param view where the drawing is shown: layers that are too high for it have several columns */
export function layOut(
  sizes: readonly Size[],
  links: readonly Link[],
  view: { width: number; height: number },
): Layout {
  const known = new Set(sizes.map(({ id }) => id))
  const inner = links.filter(({ from, to }) => from !== to && known.has(from) && known.has(to))
  const { layers: wide, crossings, links: short } = withGaps(layersOf(sizes, inner), inner)
  const layers = ordered(wide, short)
  let best = placed(layers, Number.POSITIVE_INFINITY)
  const highest = Math.max(0, ...layers.map(heightOf))
  for (let columns = 2; columns <= COLUMNS_MAX; columns += 1) {
    const candidate = placed(layers, highest / columns)
    if (scaleOf(candidate, view) > scaleOf(best, view)) best = candidate
  }
  const routes = new Map<string, Point[]>()
  for (const [key, gaps] of crossings) {
    const points = gaps.flatMap((gap) => {
      const place = best.places.get(gap)
      if (place === undefined) return []
      const y = place.y + place.height / 2
      return [
        { x: place.x, y },
        { x: place.x + place.width, y },
      ]
    })
    routes.set(key, points)
  }
  return { ...best, routes }
}

export function linkKey({ from, to }: Link): string {
  return JSON.stringify([from, to])
}

/** Adds a gap to each layer that edges cross: one for all edges to the same box. */
function withGaps(
  layers: readonly (readonly Size[])[],
  links: readonly Link[],
): { layers: Size[][]; crossings: Map<string, string[]>; links: Link[] } {
  const wide = layers.map((layer) => [...layer])
  const layerOf = new Map(layers.flatMap((layer, index) => layer.map(({ id }) => [id, index] as const)))
  const gaps = layers.map(() => new Set<string>())
  const crossings = new Map<string, string[]>()
  const short: Link[] = []
  for (const link of links) {
    const path: string[] = []
    const target = layerOf.get(link.to) ?? 0
    for (let index = (layerOf.get(link.from) ?? 0) + 1; index < target; index += 1) {
      const gap = `gap ${index} ${link.to}`
      const present = gaps[index] as Set<string>
      if (!present.has(gap) && present.size >= GAPS_MAX) continue
      if (!present.has(gap)) wide[index]?.push({ id: gap, width: 0, height: GAP_HEIGHT })
      present.add(gap)
      path.push(gap)
    }
    if (path.length > 0) crossings.set(linkKey(link), path)
    const stops = [link.from, ...path, link.to]
    for (const [index, to] of stops.slice(1).entries()) short.push({ from: stops[index] as string, to })
  }
  return { layers: wide, crossings, links: short }
}

/** How much the drawing is enlarged if it fills the view. */
export function scaleOf(
  { width, height }: { width: number; height: number },
  view: { width: number; height: number },
): number {
  return Math.min(SCALE_MAX, view.width / Math.max(1, width), view.height / Math.max(1, height))
}

function layersOf(sizes: readonly Size[], links: readonly Link[]): Size[][] {
  const targets = new Map<string, string[]>()
  for (const { from, to } of links) targets.set(from, [...(targets.get(from) ?? []), to])
  const distances = distancesToEnd(sizes, targets)
  const deepest = Math.max(0, ...distances.values())
  // A box without a server of its own to call is a server, also if it has no clients yet.
  const layers = Array.from({ length: Math.min(deepest + 1, LAYERS_MAX) }, (): Size[] => [])
  for (const size of sizes) {
    const depth = deepest - (distances.get(size.id) ?? 0)
    const layer = deepest < LAYERS_MAX ? depth : Math.floor((depth * LAYERS_MAX) / (deepest + 1))
    layers[layer]?.push(size)
  }
  return layers.filter((layer) => layer.length > 0)
}

/** The longest path from each box to a box without targets. An edge that closes a cycle does not count. */
function distancesToEnd(
  sizes: readonly Size[],
  targets: ReadonlyMap<string, readonly string[]>,
): Map<string, number> {
  const distances = new Map<string, number>()
  const open = new Set<string>()
  const visit = (id: string): number => {
    const known = distances.get(id)
    if (known !== undefined) return known
    open.add(id)
    let distance = 0
    for (const target of targets.get(id) ?? [])
      if (!open.has(target)) distance = Math.max(distance, visit(target) + 1)
    open.delete(id)
    distances.set(id, distance)
    return distance
  }
  for (const { id } of sizes) visit(id)
  return distances
}

/** Orders each layer so that few edges cross. */
function ordered(layers: readonly (readonly Size[])[], links: readonly Link[]): Size[][] {
  const neighbours = new Map<string, string[]>()
  for (const { from, to } of links) {
    neighbours.set(from, [...(neighbours.get(from) ?? []), to])
    neighbours.set(to, [...(neighbours.get(to) ?? []), from])
  }
  const result = layers.map((layer) => [...layer])
  const ranks = new Map<string, number>()
  const rank = (layer: readonly Size[]): void => {
    layer.forEach(({ id }, index) => {
      ranks.set(id, (index + 0.5) / layer.length)
    })
  }
  for (const layer of result) rank(layer)
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    const order =
      sweep % 2 === 0 ? result.keys() : result.map((_, index) => result.length - 1 - index).values()
    for (const index of order) {
      const layer = result[index] ?? []
      const means = new Map(
        layer.map(({ id }) => [id, meanOf(neighbours.get(id) ?? [], ranks) ?? ranks.get(id) ?? 0]),
      )
      layer.sort((a, b) => (means.get(a.id) ?? 0) - (means.get(b.id) ?? 0))
      rank(layer)
    }
  }
  return result
}

function meanOf(ids: readonly string[], ranks: ReadonlyMap<string, number>): number | undefined {
  if (ids.length === 0) return undefined
  return ids.reduce((total, id) => total + (ranks.get(id) ?? 0), 0) / ids.length
}

function placed(layers: readonly (readonly Size[])[], heightMax: number): Omit<Layout, 'routes'> {
  const columns = layers.map((layer) => columnsOf(layer, heightMax))
  const height = Math.max(0, ...columns.flat().map(heightOf))
  const places = new Map<string, Place>()
  let x = 0
  for (const layer of columns) {
    for (const column of layer) {
      let y = (height - heightOf(column)) / 2
      const width = widthOf(column)
      for (const size of column) {
        // A gap is as wide as its column.
        const isGap = size.width === 0
        places.set(size.id, {
          ...size,
          width: isGap ? width : size.width,
          x: x + (isGap ? 0 : (width - size.width) / 2),
          y,
        })
        y += size.height + GAP_Y
      }
      x += width + GAP_COLUMNS
    }
    x += GAP_LAYERS - GAP_COLUMNS
  }
  return { places, width: Math.max(0, x - GAP_LAYERS), height }
}

/** Divides a layer into as few columns as possible, of about the same height. */
function columnsOf(layer: readonly Size[], heightMax: number): Size[][] {
  const count = Math.max(1, Math.ceil(heightOf(layer) / Math.max(1, heightMax)))
  const target = heightOf(layer) / count
  const columns: Size[][] = [[]]
  for (const size of layer) {
    const last = columns.at(-1) as Size[]
    if (last.length > 0 && columns.length < count && heightOf([...last, size]) > target + size.height / 2)
      columns.push([size])
    else last.push(size)
  }
  return columns
}

function heightOf(column: readonly Size[]): number {
  return column.reduce((total, { height }) => total + height + GAP_Y, -GAP_Y)
}

function widthOf(column: readonly Size[]): number {
  return Math.max(0, ...column.map(({ width }) => width))
}
