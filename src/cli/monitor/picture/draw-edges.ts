/** The edges of the graph as shapes. */
import type { MonitorEdge } from '../frame.js'
import type { GraphView } from './graph-view.js'
import { type Layout, linkKey, type Place, type Point } from './layout.js'
import { type Palette, transportColour } from './palette.js'
import { keyed, type Shape, shape, textShape, tooltip } from './shape.js'
import { bytesText, countedText, rateText } from './texts.js'

/** More labels would hide each other. */
const LABELS_MAX = 16
const OPACITY_OTHER = 0.15
const WIDTH_MIN = 1.5
const WIDTH_PER_DECADE = 0.8
/** Edges with a higher rate move faster: one step for each power of ten. */
const SPEEDS = 6
const LABEL_HEIGHT = 19
const LABEL_FONT = 11.5
const LABEL_WIDTH_MAX = 66
const LABEL_PLACES = [0.5, 0.35, 0.65, 0.22, 0.78]

type Curve = readonly [Point, Point, Point, Point]

interface Ends {
  readonly start: Point
  readonly end: Point
  /** Between the ends. */
  readonly route: readonly Point[]
  /** Which side of the box the line leaves: 1 is the right one. */
  readonly startSide: 1 | -1
  readonly endSide: 1 | -1
}

export function drawEdges(
  edges: readonly MonitorEdge[],
  layout: Layout,
  view: GraphView,
): { readonly lines: Shape[]; readonly labels: Shape[] } {
  const visible = edges.filter(({ from, to }) => layout.places.has(from) && layout.places.has(to))
  const ends = endsOf(visible, layout)
  const lines = visible.map((edge, index) => drawLine(edge, ends[index] as Ends, view))
  const labels = visible.length > LABELS_MAX ? [] : drawLabels(visible, ends, view)
  return { lines, labels }
}

/** Spreads the ends of lines over the sides of the boxes, in the order of their other ends. */
function endsOf(edges: readonly MonitorEdge[], { places, routes }: Layout): Ends[] {
  const slots = new Map<
    string,
    { readonly edge: number; readonly isStart: boolean; readonly otherY: number }[]
  >()
  const sides = edges.map((edge, index) => {
    const from = places.get(edge.from) as Place
    const to = places.get(edge.to) as Place
    const isForward = from.x + from.width < to.x
    const isBackward = to.x + to.width < from.x
    const startSide = isBackward ? -1 : 1
    const endSide = isForward ? -1 : 1
    const route = routes.get(linkKey(edge)) ?? []
    const add = (id: string, side: number, isStart: boolean, other: Place, next: Point | undefined): void => {
      const key = `${id} ${side}`
      const slot = { edge: index, isStart, otherY: next?.y ?? other.y + other.height / 2 }
      slots.set(key, [...(slots.get(key) ?? []), slot])
    }
    add(edge.from, startSide, true, to, route[0])
    add(edge.to, endSide, false, from, route.at(-1))
    return { startSide, endSide, route } as const
  })
  const starts: Point[] = []
  const stops: Point[] = []
  for (const [key, list] of slots) {
    const split = key.lastIndexOf(' ')
    const place = places.get(key.slice(0, split)) as Place
    const x = key.slice(split + 1) === '1' ? place.x + place.width : place.x
    list
      .toSorted((a, b) => a.otherY - b.otherY || a.edge - b.edge)
      .forEach(({ edge, isStart }, index) => {
        const point = { x, y: place.y + (place.height * (index + 1)) / (list.length + 1) }
        if (isStart) starts[edge] = point
        else stops[edge] = point
      })
  }
  return sides.map((side, index) => ({ ...side, start: starts[index] as Point, end: stops[index] as Point }))
}

function drawLine(
  edge: MonitorEdge,
  ends: Ends,
  { palette, selected, shown = (text) => text }: GraphView,
): Shape {
  const rate = edge.messagesPerSecond
  const colour = edge.warning === undefined ? transportColour(edge.transport, palette) : palette.warning
  const width = WIDTH_MIN + WIDTH_PER_DECADE * Math.log10(1 + rate)
  const d = pathOf(ends)
  const speed = Math.min(SPEEDS, Math.ceil(Math.log10(1 + rate)))
  const channels = countedText(edge.channels, 'channel')
  const about = [
    `${edge.transport}, ${channels}: ${rateText(rate)}, ${bytesText(edge.bytesPerSecond)}/s`,
    ...(edge.addresses.length === 0 ? [] : [edge.addresses.map(shown).join(', ')]),
    ...(edge.warning === undefined ? [] : [edge.warning]),
  ]
  const line = { d, fill: 'none', stroke: colour, 'stroke-linecap': 'round' }
  return keyed(
    edge.key,
    shape('g', { class: 'edge', opacity: opacityOf(edge, selected) }, [
      tooltip(about.join('\n')),
      // Easier to hit with the pointer.
      shape('path', { ...line, stroke: 'transparent', 'stroke-width': 14 }),
      shape('path', { ...line, 'stroke-width': width, 'stroke-opacity': rate > 0 ? 0.4 : 0.25 }),
      speed === 0
        ? undefined
        : keyed(
            'flow',
            shape('path', {
              ...line,
              class: `flow speed-${speed}${edge.isReversed ? ' reversed' : ''}`,
              'stroke-width': Math.max(2, width * 0.75),
              'stroke-dasharray': '1 13',
            }),
          ),
      shape('circle', { cx: ends.end.x, cy: ends.end.y, r: 3.5, fill: colour }),
      shape('circle', {
        cx: ends.start.x,
        cy: ends.start.y,
        r: 3,
        fill: palette.surface,
        stroke: colour,
        'stroke-width': 1.5,
      }),
    ]),
  )
}

/** Edges of other processes than the selected one are in the background. */
function opacityOf({ from, to }: MonitorEdge, selected: string | undefined): number {
  const isProcess = selected?.startsWith('process ') === true
  return isProcess && selected !== from && selected !== to ? OPACITY_OTHER : 1
}

/** A label is in the middle of the first curve of its line, which is between two layers, or near it if another label is there. */
function drawLabels(
  edges: readonly MonitorEdge[],
  ends: readonly Ends[],
  { palette, selected }: GraphView,
): Shape[] {
  const placed: Point[] = []
  return edges.flatMap((edge, index) => {
    if (edge.messagesPerSecond <= 0) return []
    const [curve] = curvesOf(ends[index] as Ends) as [Curve]
    const places = LABEL_PLACES.map((part) => pointOf(curve, part)) as [Point, ...Point[]]
    const isFree = ({ x, y }: Point): boolean =>
      placed.every((other) => Math.abs(other.x - x) > LABEL_WIDTH_MAX || Math.abs(other.y - y) > LABEL_HEIGHT)
    const place = places.find(isFree) ?? places[0]
    placed.push(place)
    return [keyed(edge.key, drawLabel(edge, place, palette, opacityOf(edge, selected)))]
  })
}

function drawLabel(
  { messagesPerSecond, warning }: MonitorEdge,
  { x, y }: Point,
  palette: Palette,
  opacity: number,
): Shape {
  const text = rateText(messagesPerSecond)
  const width = text.length * 6.4 + 14
  return shape('g', { transform: `translate(${Math.round(x)} ${Math.round(y)})`, class: 'label', opacity }, [
    shape('rect', {
      x: -width / 2,
      y: -LABEL_HEIGHT / 2,
      width,
      height: LABEL_HEIGHT,
      rx: LABEL_HEIGHT / 2,
      fill: palette.surface,
      stroke: warning === undefined ? palette.border : palette.warning,
    }),
    textShape(0, 4, text, {
      fill: warning === undefined ? palette.text : palette.warning,
      'font-size': LABEL_FONT,
      'text-anchor': 'middle',
      class: 'figure',
    }),
  ])
}

/** The curves of a line, each with its control points. */
function curvesOf({ start, end, route, startSide, endSide }: Ends): Curve[] {
  const stops = [start, ...route, end]
  return stops.slice(1).map((stop, index) => {
    const from = stops[index] as Point
    const isFirst = index === 0
    const isLast = index === stops.length - 2
    // Both ends at the same side: the line makes a bow around the boxes between them.
    const isBow = isFirst && isLast && startSide === endSide
    const reach = isBow ? 60 + Math.abs(stop.y - from.y) / 6 : Math.max(20, Math.abs(stop.x - from.x) / 2)
    return [
      from,
      { x: from.x + (isFirst ? startSide : 1) * reach, y: from.y },
      { x: stop.x + (isLast ? endSide : -1) * reach, y: stop.y },
      stop,
    ]
  })
}

function pathOf(ends: Ends): string {
  return `M${at(ends.start)}${curvesOf(ends)
    .map(([, a, b, stop]) => ` C${at(a)} ${at(b)} ${at(stop)}`)
    .join('')}`
}

/** The point of a Bézier curve at `part` of its parameter. */
function pointOf([start, a, b, stop]: Curve, part: number): Point {
  const rest = 1 - part
  const along = (one: keyof Point): number =>
    rest ** 3 * start[one] +
    3 * rest ** 2 * part * a[one] +
    3 * rest * part ** 2 * b[one] +
    part ** 3 * stop[one]
  return { x: along('x'), y: along('y') }
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`
}
