/** The picture for a bug report: what the page shows, with the versions, in one drawing. */
import type { MonitorAbout, MonitorFrame } from '../frame.js'
import { drawGraph } from './draw-graph.js'
import { ALL, FIGURES, type FigureHistory, type Value } from './figure-history.js'
import { FONT } from './graph-view.js'
import { LIGHT, seriesColour } from './palette.js'
import { fit, type Shape, shape, svgText, textShape } from './shape.js'
import { countedText } from './texts.js'

const WIDTH = 1_400
const MARGIN = 32
const INNER = WIDTH - 2 * MARGIN
const HEAD_HEIGHT = 84
const GRAPH_HEIGHT_MAX = 900
const CHART_COLUMNS = 4
const CHART_GAP = 16
const CHART_HEIGHT = 132
const LINE_HEIGHT = 19
const LINES_MAX = 12
const VERSIONS_MAX = 6

/** A picture is always light, because a report is. */
const PALETTE = LIGHT

export interface Picture {
  readonly svg: string
  readonly width: number
  readonly height: number
}

export function drawPicture(frame: MonitorFrame, history: FigureHistory, about: MonitorAbout): Picture {
  const parts: Shape[] = [...drawHead(frame, about)]
  let y = HEAD_HEIGHT
  const graph = drawGraph(frame, {
    palette: PALETTE,
    selected: undefined,
    width: INNER,
    height: GRAPH_HEIGHT_MAX,
    shown: withoutFolders,
  })
  const { scale } = graph
  const left = MARGIN + (INNER - graph.width * scale) / 2
  parts.push(
    shape('g', { transform: `translate(${left} ${y}) scale(${Math.round(scale * 1e4) / 1e4})` }, [
      graph.shape,
    ]),
  )
  y += graph.height * scale + 8
  for (const [index, figure] of FIGURES.entries()) {
    const width = (INNER - (CHART_COLUMNS - 1) * CHART_GAP) / CHART_COLUMNS
    const column = index % CHART_COLUMNS
    const row = Math.floor(index / CHART_COLUMNS)
    const place = { x: MARGIN + column * (width + CHART_GAP), y: y + row * (CHART_HEIGHT + CHART_GAP) }
    parts.push(drawChart(place, width, figure, history.of(ALL)?.[index] ?? []))
  }
  y += Math.ceil(FIGURES.length / CHART_COLUMNS) * (CHART_HEIGHT + CHART_GAP) + 12
  const lines = warningLines(frame)
  lines.forEach((line, index) => {
    parts.push(
      textShape(MARGIN, y + index * LINE_HEIGHT + 12, fit(line, INNER, 13), {
        fill: PALETTE.warning,
        'font-size': 13,
      }),
    )
  })
  const height = Math.ceil(y + lines.length * LINE_HEIGHT + MARGIN / 2)
  const root = shape(
    'svg',
    { width: WIDTH, height, viewBox: `0 0 ${WIDTH} ${height}`, 'font-family': FONT },
    [shape('rect', { width: WIDTH, height, fill: PALETTE.background }), ...parts],
  )
  return { svg: svgText(root), width: WIDTH, height }
}

/** From the beginning of a path to the last separator in the text: folders can have spaces. */
const FOLDERS = /(?<=^|[\s:'"(])(?:\/|[A-Za-z]:[\\/])(?:.*[/\\])?/s

/** At the end of a warning, for example `: 35.1 k/s`. Its separator is not that of a folder. */
const RATE = /: [\d.]+(?: [kM])?\/s$/

/** A folder can have the name of its user. Rather too much is left out than too little. */
export function withoutFolders(text: string): string {
  const end = RATE.exec(text)?.index ?? text.length
  return text.slice(0, end).replace(FOLDERS, '…/') + text.slice(end)
}

function drawHead(frame: MonitorFrame, { version, runtime, system, intervalMs }: MonitorAbout): Shape[] {
  const versions = [...new Set(frame.nodes.flatMap(({ nodeVersion }) => nodeVersion ?? []))].slice(
    0,
    VERSIONS_MAX,
  )
  const processes = frame.nodes.filter(({ kind }) => kind === 'process').length
  const channels = frame.edges.reduce((count, edge) => count + edge.channels, 0)
  const time = `${new Date(frame.atMs).toISOString().slice(0, 'YYYY-MM-DDTHH:MM:SS'.length).replace('T', ' ')} UTC`
  const first = `shmwire ${version} · ${system} · ${runtime}`
  const second = `${time} · ${countedText(processes, 'process', 'processes')} with Node.js ${versions.join(', ') || '–'} · ${countedText(channels, 'channel')} · interval ${intervalMs / 1_000} s`
  return [
    textShape(MARGIN, 42, 'shmwire monitor', { fill: PALETTE.text, 'font-size': 24, 'font-weight': 700 }),
    textShape(WIDTH - MARGIN, 32, first, { fill: PALETTE.text, 'font-size': 14, 'text-anchor': 'end' }),
    textShape(WIDTH - MARGIN, 54, second, { fill: PALETTE.muted, 'font-size': 13, 'text-anchor': 'end' }),
  ]
}

function drawChart(
  { x, y }: { x: number; y: number },
  width: number,
  figure: (typeof FIGURES)[number],
  values: readonly Value[],
): Shape {
  const present = values.filter((value) => value !== null)
  const highest = Math.max(0, ...present)
  const latest = present.at(-1)
  const colour = seriesColour(PALETTE)
  const area = { left: 14, top: 52, width: width - 28, height: CHART_HEIGHT - 66 }
  const line = linePath(values, highest, area)
  return shape('g', { transform: `translate(${Math.round(x)} ${Math.round(y)})` }, [
    shape('rect', { width, height: CHART_HEIGHT, rx: 10, fill: PALETTE.surface, stroke: PALETTE.border }),
    textShape(14, 24, figure.title, { fill: PALETTE.muted, 'font-size': 13 }),
    textShape(width - 14, 24, latest === undefined ? '–' : figure.format(latest), {
      fill: PALETTE.text,
      'font-size': 15,
      'font-weight': 600,
      'text-anchor': 'end',
    }),
    shape('path', { d: `M${area.left} ${area.top + area.height} h${area.width}`, stroke: PALETTE.border }),
    line === ''
      ? undefined
      : shape('path', {
          d: line,
          fill: 'none',
          stroke: colour,
          'stroke-width': 1.75,
          'stroke-linejoin': 'round',
        }),
    highest > 0
      ? textShape(14, 41, `max ${figure.format(highest)}`, { fill: PALETTE.muted, 'font-size': 10.5 })
      : undefined,
  ])
}

/** The newest value is at the right edge. */
function linePath(
  values: readonly Value[],
  highest: number,
  { left, top, width, height }: { left: number; top: number; width: number; height: number },
): string {
  const step = width / Math.max(1, values.length - 1)
  let path = ''
  let isOpen = false
  for (const [index, value] of values.entries()) {
    if (value === null) {
      isOpen = false
      continue
    }
    const px = Math.round((left + index * step) * 10) / 10
    const py = Math.round((top + height - (highest > 0 ? (value / highest) * height : 0)) * 10) / 10
    path += `${isOpen ? 'L' : 'M'}${px} ${py}`
    isOpen = true
  }
  return path
}

function warningLines({ nodes, edges, unanswered, omitted, fault }: MonitorFrame): string[] {
  const titles = new Map(
    nodes.map(({ id, title, pid }) => [id, pid === undefined ? title : `${title} ${pid}`]),
  )
  const all = [
    ...(fault === undefined ? [] : [fault]),
    ...nodes.flatMap(({ id, warnings }) => warnings.map((text) => `${titles.get(id)}: ${text}`)),
    ...edges.flatMap(({ from, to, warning }) =>
      warning === undefined ? [] : [`${titles.get(from)} → ${titles.get(to)}: ${warning}`],
    ),
    ...unanswered.map(({ address, message }) => `without an answer: ${address} (${message})`),
    ...(omitted > 0 ? [`${countedText(omitted, 'row')} left out`] : []),
  ].map(withoutFolders)
  const shown = all.slice(0, LINES_MAX)
  return all.length > shown.length ? [...shown, `and ${all.length - shown.length} more`] : shown
}
