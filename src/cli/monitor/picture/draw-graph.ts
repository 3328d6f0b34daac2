/** The graph as shapes. */
import type { MonitorFrame, MonitorRow } from '../frame.js'
import { type Box, boxesOf, HEADER_HEIGHT, ITEM_HEIGHT } from './boxes.js'
import { drawEdges } from './draw-edges.js'
import { FONT, type GraphView } from './graph-view.js'
import { layOut, type Place, scaleOf } from './layout.js'
import { kindColour, type Palette } from './palette.js'
import { fit, keyed, type Shape, shape, textShape, tooltip } from './shape.js'
import { bytesText, countedText, millisText, percentText, rateText } from './texts.js'

const MARGIN = 24
const INSET = 14
const WARNING_SIZE = 12
const TITLE_SIZE = 14
/** As wide as the bold letters of the title. */
const TITLE_SIZE_WIDE = TITLE_SIZE * 1.12
/** A smaller box has no room for the delay of the event loop. */
const DELAY_WIDTH_MIN = 230

export interface Drawing {
  readonly width: number
  readonly height: number
  /** With which it fills the view, or is large enough. */
  readonly scale: number
  readonly shape: Shape
}

export function drawGraph(frame: MonitorFrame, view: GraphView): Drawing {
  const boxes = boxesOf(frame)
  const layout = layOut(boxes, frame.edges, {
    width: view.width - 2 * MARGIN,
    height: view.height - 2 * MARGIN,
  })
  const drawn = boxes.map((box) => drawBox(box, layout.places.get(box.id) as Place, view))
  const edges = drawEdges(frame.edges, layout, view)
  return {
    width: layout.width + 2 * MARGIN,
    height: layout.height + 2 * MARGIN,
    scale: scaleOf(
      { width: layout.width + 2 * MARGIN, height: layout.height + 2 * MARGIN },
      { width: view.width, height: view.height },
    ),
    shape: shape('g', { transform: `translate(${MARGIN} ${MARGIN})`, 'font-family': FONT }, [
      keyed('edges', shape('g', {}, edges.lines)),
      keyed('boxes', shape('g', {}, drawn)),
      keyed('labels', shape('g', {}, edges.labels)),
    ]),
  }
}

function drawBox(box: Box, place: Place, view: GraphView): Shape {
  const { palette, selected, shown = same } = view
  const isSelected = selected === box.id
  const stroke = isSelected ? palette.accent : box.warnings.length > 0 ? palette.warning : palette.border
  const isProcess = box.node.kind === 'process'
  const frame = shape('rect', {
    class: 'body',
    width: box.width,
    height: box.height,
    rx: isProcess ? 10 : box.height / 2,
    fill: isProcess ? palette.surface : palette.background,
    stroke,
    'stroke-width': isSelected ? 2.5 : 1.25,
    'stroke-dasharray': isProcess ? undefined : '4 3',
  })
  const content = isProcess ? drawProcess(box, view) : drawClient(box, view)
  return keyed(
    box.id,
    shape(
      'g',
      {
        class: isProcess ? 'node' : 'client',
        transform: `translate(${place.x} ${place.y})`,
        'data-select': isProcess ? box.id : undefined,
        tabindex: isProcess ? 0 : undefined,
        role: isProcess ? 'button' : undefined,
        'aria-pressed': isProcess ? String(isSelected) : undefined,
        'aria-label': isProcess ? labelOf(box) : undefined,
      },
      [tooltip([labelOf(box), ...box.warnings].map(shown).join('\n')), frame, ...content],
    ),
  )
}

function labelOf({ node }: Box): string {
  const pid = node.pid === undefined ? '' : `, process ${node.pid}`
  const state = node.warnings.length === 0 ? '' : `, ${countedText(node.warnings.length, 'warning')}`
  return `${node.title}${pid}${state}`
}

function drawClient({ node, width }: Box, { palette, shown = same }: GraphView): Shape[] {
  const title = node.pid === undefined ? shown(node.title) : `pid ${node.pid}`
  return [
    shape('circle', { cx: 18, cy: 18, r: 4, fill: 'none', stroke: palette.muted, 'stroke-width': 1.5 }),
    textShape(30, 22.5, fit(title, width - 44, 12.5), { fill: palette.muted, 'font-size': 12.5 }),
  ]
}

function drawProcess(box: Box, view: GraphView): Shape[] {
  const { palette } = view
  const { node, width, warnings } = box
  const pid = `${node.pid}${node.threads > 1 ? ` · ${node.threads} threads` : ''}`
  const titleWidth = width - 2 * INSET - 16 - pid.length * 7
  const figures = `${percentText(node.cpuPercent ?? 0)} CPU · ${bytesText(node.residentBytes ?? 0)}`
  const mark =
    warnings.length === 0
      ? shape('circle', { cx: INSET + 4, cy: 18, r: 4, fill: palette.good })
      : shape('path', {
          class: 'warning',
          d: `M${INSET + 4} 12 l${WARNING_SIZE / 2} ${WARNING_SIZE - 1} h${-WARNING_SIZE} z`,
          fill: palette.warning,
        })
  const hasDelay = node.loopDelayP99Ms !== undefined && width >= DELAY_WIDTH_MIN
  const delay = !hasDelay ? '' : `p99 ${millisText(node.loopDelayP99Ms ?? 0)}`
  return [
    mark,
    textShape(INSET + 15, 22.5, fit(node.title, titleWidth, TITLE_SIZE_WIDE), {
      fill: palette.text,
      'font-size': TITLE_SIZE,
      'font-weight': 600,
    }),
    textShape(width - INSET, 22.5, pid, { fill: palette.muted, 'font-size': 12, 'text-anchor': 'end' }),
    textShape(INSET + 15, 39, figures, { fill: palette.muted, 'font-size': 11.5 }),
    textShape(width - INSET, 39, delay, { fill: palette.muted, 'font-size': 11.5, 'text-anchor': 'end' }),
    ...box.items.flatMap((row, index) => drawItem(row, index, box, view)),
    ...drawMore(box, palette),
  ]
}

function drawItem(
  row: MonitorRow,
  index: number,
  { width }: Box,
  { palette, shown = same }: GraphView,
): Shape[] {
  const top = HEADER_HEIGHT + index * ITEM_HEIGHT
  const rate = row.messagesPerSecond === undefined ? '' : rateText(row.messagesPerSecond)
  const rateWidth = rate.length * 6.6 + 10
  const colour = row.warning === undefined ? palette.text : palette.warning
  const kind = row.kind === 'subscription' ? 'sub' : row.kind
  return [
    index === 0
      ? shape('path', { d: `M0 ${HEADER_HEIGHT - 2} h${width}`, stroke: palette.border, 'stroke-width': 1 })
      : shape('g', {}),
    shape('rect', {
      x: INSET,
      y: top + 5.5,
      width: 8,
      height: 8,
      rx: 2,
      fill: kindColour(row.kind, palette),
    }),
    textShape(INSET + 15, top + 14, kind, { fill: palette.muted, 'font-size': 11 }),
    textShape(INSET + 68, top + 14, fit(shown(row.name), width - 2 * INSET - 68 - rateWidth, 12), {
      fill: colour,
      'font-size': 12,
    }),
    textShape(width - INSET, top + 14, rate, {
      fill: colour,
      'font-size': 12,
      'text-anchor': 'end',
      class: 'figure',
    }),
  ]
}

function drawMore({ items, more }: Box, palette: Palette): Shape[] {
  if (more === 0) return []
  const y = HEADER_HEIGHT + items.length * ITEM_HEIGHT + 14
  return [textShape(INSET + 15, y, `and ${more} more`, { fill: palette.muted, 'font-size': 11.5 })]
}

function same(text: string): string {
  return text
}
