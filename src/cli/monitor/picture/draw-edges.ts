/** The edges of the graph as shapes. */
import type { MonitorEdge } from '../frame.js'
import type { GraphView } from './graph-view.js'
import { type Layout, linkKey, type Place, type Point } from './layout.js'
import { transportColour } from './palette.js'
import { keyed, type Shape, shape, textShape, tooltip } from './shape.js'
import { bytesText, rateText } from './texts.js'

/** More labels would hide each other. */
const LABELS_MAX = 16
const WIDTH_MIN = 1.5
const WIDTH_PER_DECADE = 0.8
/** Edges with a higher rate move faster: one step for each power of ten. */
const SPEEDS = 6
const LABEL_HEIGHT = 19
const LABEL_FONT = 11.5

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
  const busy =
    visible.length > LABELS_MAX
      ? []
      : visible.flatMap((edge, index) => drawLabel(edge, ends[index] as Ends, view))
  return { lines, labels: busy }
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
  const isOther = selected?.startsWith('process ') === true && selected !== edge.from && selected !== edge.to
  const width = WIDTH_MIN + WIDTH_PER_DECADE * Math.log10(1 + rate)
  const d = pathOf(ends)
  const speed = Math.min(SPEEDS, Math.ceil(Math.log10(1 + rate)))
  const channels = edge.channels === 1 ? '1 channel' : `${edge.channels} channels`
  const about = [
    `${edge.transport}, ${channels}: ${rateText(rate)}, ${bytesText(edge.bytesPerSecond)}/s`,
    ...(edge.addresses.length === 0 ? [] : [edge.addresses.map(shown).join(', ')]),
    ...(edge.warning === undefined ? [] : [edge.warning]),
  ]
  const line = { d, fill: 'none', stroke: colour, 'stroke-linecap': 'round' }
  return keyed(
    edge.key,
    shape('g', { class: 'edge', opacity: isOther ? 0.15 : 1 }, [
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

function drawLabel(edge: MonitorEdge, ends: Ends, { palette }: GraphView): Shape[] {
  if (edge.messagesPerSecond <= 0) return []
  const text = rateText(edge.messagesPerSecond)
  const { x, y } = labelPlace(ends)
  const width = text.length * 6.4 + 14
  const colour = edge.warning === undefined ? palette.text : palette.warning
  const label = shape('g', { transform: `translate(${Math.round(x)} ${Math.round(y)})`, class: 'label' }, [
    shape('rect', {
      x: -width / 2,
      y: -LABEL_HEIGHT / 2,
      width,
      height: LABEL_HEIGHT,
      rx: LABEL_HEIGHT / 2,
      fill: palette.surface,
      stroke: edge.warning === undefined ? palette.border : palette.warning,
    }),
    textShape(0, 4, text, {
      fill: colour,
      'font-size': LABEL_FONT,
      'text-anchor': 'middle',
      class: 'figure',
    }),
  ])
  return [keyed(edge.key, label)]
}

/** The curves of a line, each with its control points. */
function curvesOf({ start, end, route, startSide, endSide }: Ends): [Point, Point, Point, Point][] {
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

/** The middle of the first curve, which is between two layers. */
function labelPlace(ends: Ends): Point {
  const [[start, a, b, stop]] = curvesOf(ends) as [[Point, Point, Point, Point]]
  return { x: (start.x + 3 * a.x + 3 * b.x + stop.x) / 8, y: (start.y + 3 * a.y + 3 * b.y + stop.y) / 8 }
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10} ${Math.round(y * 10) / 10}`
}
