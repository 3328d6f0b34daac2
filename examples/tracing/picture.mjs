// A trace as a picture: one row for each span, in the colour of its process.
import { cpus, loadavg, release, type } from 'node:os'
import { shortName } from './text.mjs'
import { lengthOf } from './tree.mjs'

const WIDTH = 960
const MARGIN = 20
const LABEL_WIDTH = 376
const DURATION_WIDTH = 64
const HEAD_HEIGHT = 92
const ROW_HEIGHT = 26
const BAR_HEIGHT = 13
const INDENT = 15
const FOOT_HEIGHT = 66
const PLOT = { left: MARGIN + LABEL_WIDTH, right: WIDTH - MARGIN - DURATION_WIDTH }
const TICKS = 5
/** The mean width of a character of the names, for what follows them. */
const CHARACTER_WIDTH = 6.5

const PROCESSES = ['gateway', 'orders', 'stock', 'worker']
const WAITING = new Set(['CLIENT', 'PRODUCER'])

/** Readable in both, wherever the page that shows the picture follows the reader's choice. */
const STYLE = `
  :root { color-scheme: light dark }
  .page { fill: #ffffff } .text { fill: #1f2328 } .faint { fill: #59636e } .grid, .tree { stroke: #d1d9e0 } .band { fill: #f6f8fa }
  .gateway { fill: #0969da } .orders { fill: #8250df } .stock { fill: #1a7f37 } .worker { fill: #bc4c00 } .link { stroke: #bc4c00 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc } .faint { fill: #9198a1 } .grid, .tree { stroke: #3d444d } .band { fill: #151b23 }
    .gateway { fill: #4493f8 } .orders { fill: #ab7df8 } .stock { fill: #3fb950 } .worker { fill: #db6d28 } .link { stroke: #db6d28 }
  }
  text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
  .title { font-size: 16px; font-weight: 600 }
  .small { font-size: 10.5px }
  .tree { fill: none }
  .waiting { opacity: 0.4 }
  .link { fill: none; stroke-width: 1.3px; stroke-dasharray: 3 2.5 }`

/** The trace of the fastest of `requests` requests. */
export function drawTrace(rows, requests) {
  const scale = scaleOf(lengthOf(rows))
  const bottom = HEAD_HEIGHT + rows.length * ROW_HEIGHT
  const height = bottom + FOOT_HEIGHT
  const indexOf = new Map(rows.map(({ spanId }, index) => [spanId, index]))
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="One trace through four processes and a queue">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    text(MARGIN, MARGIN + 12, 'One request of HTTP: four processes, a queue, one trace', 'text title'),
    ...drawLegend(MARGIN + 38),
    ...rows.flatMap((_row, index) =>
      index % 2 === 0
        ? [
            `<rect class="band" x="${MARGIN - 8}" y="${topOf(index)}" width="${WIDTH - 2 * MARGIN + 16}" height="${ROW_HEIGHT}" rx="4"/>`,
          ]
        : [],
    ),
    ...drawAxis(scale, bottom),
    ...rows.flatMap((row, index) => drawRow(row, index, scale, indexOf)),
    ...rows.flatMap((row, index) => drawLinks(row, index, rows, scale, indexOf)),
    text(MARGIN, height - 32, noteOf(rows, requests), 'faint small'),
    text(MARGIN, height - 16, placeOf(), 'faint small'),
    '</svg>',
    '',
  ].join('\n')
}

function drawLegend(y) {
  let x = MARGIN
  return [
    ...PROCESSES.flatMap((name) => {
      const parts = [
        `<rect class="${name}" x="${x}" y="${y - 10}" width="12" height="12" rx="3"/>`,
        text(x + 18, y, name, 'text'),
      ]
      x += 18 + name.length * CHARACTER_WIDTH + 22
      return parts
    }),
    `<rect class="faint waiting" x="${x}" y="${y - 10}" width="12" height="12" rx="3"/>`,
    text(x + 18, y, 'waits for another process', 'faint'),
    `<path class="link" d="M${x + 190} ${y - 4}h26"/>`,
    text(x + 224, y, 'link from the job to its producer', 'faint'),
  ]
}

function drawAxis({ at, ticks }, bottom) {
  return ticks.flatMap((ms) => [
    `<line class="grid" x1="${at(ms)}" x2="${at(ms)}" y1="${HEAD_HEIGHT - 4}" y2="${bottom}"/>`,
    text(at(ms), HEAD_HEIGHT - 9, `${ms} ms`, 'faint small', 'middle'),
  ])
}

function drawRow(
  { name, kind, process, parentId, depth, atMs, durationMs, attributes },
  index,
  { at },
  indexOf,
) {
  const middle = topOf(index) + ROW_HEIGHT / 2
  const x = MARGIN + depth * INDENT
  const shown = shortName(name)
  const carrier = attributes['network.transport'] === 'shm' ? ', shared memory' : ''
  const begin = at(atMs)
  const width = Math.max(2, round(at(atMs + durationMs) - begin))
  const parent = indexOf.get(parentId)
  const branch =
    parent === undefined
      ? []
      : [`<path class="tree" d="M${x - INDENT + 4} ${topOf(parent) + ROW_HEIGHT - 6}V${middle}H${x - 2}"/>`]
  return [
    ...branch,
    text(x + 2, middle + 4, shown, 'text'),
    text(x + 10 + shown.length * CHARACTER_WIDTH, middle + 4, kind.toLowerCase() + carrier, 'faint small'),
    `<rect class="${process}${WAITING.has(kind) ? ' waiting' : ''}" x="${begin}" y="${middle - BAR_HEIGHT / 2}" width="${width}" height="${BAR_HEIGHT}" rx="3"/>`,
    text(WIDTH - MARGIN, middle + 4, `${durationMs.toFixed(2)} ms`, 'text', 'end'),
  ]
}

/** From the begin of the span of the producer to that of the consumer. */
function drawLinks({ links, atMs }, index, rows, { at }, indexOf) {
  return links.flatMap((spanId) => {
    const from = indexOf.get(spanId)
    if (from === undefined) return []
    const [x, y] = [at(rows[from].atMs), topOf(from) + ROW_HEIGHT / 2]
    const [toX, toY] = [at(atMs), topOf(index) + ROW_HEIGHT / 2]
    return [`<path class="link" d="M${x} ${y}C${x - 16} ${y} ${x - 16} ${toY} ${toX - 1} ${toY}"/>`]
  })
}

/** A scale with round ticks. */
function scaleOf(lengthMs) {
  const rough = lengthMs / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)
  const ticks = Array.from({ length: Math.floor(lengthMs / step) + 1 }, (_, index) => round(index * step))
  return { at: (ms) => round(PLOT.left + ((PLOT.right - PLOT.left) * ms) / lengthMs), ticks }
}

function topOf(index) {
  return HEAD_HEIGHT + index * ROW_HEIGHT
}

function noteOf(rows, requests) {
  const waits = 'The handlers wait 1 ms for each item in stock, and 2 ms for each label in worker'
  return `${rows.length} spans of the fastest of ${requests} requests. ${waits}; the rest is the time of all hops.`
}

function placeOf() {
  const [{ model }] = cpus()
  const load = `load ${loadavg()[0].toFixed(0)} on ${cpus().length} cores`
  return `${model.trim()}, ${load}, ${type()} ${release()}, Node.js ${process.versions.node}. node examples/tracing/main.mjs --svg docs/tracing.svg`
}

function text(x, y, content, kind, anchor = 'start') {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

function escapeXml(value) {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value) {
  return Math.round(value * 100) / 100
}
