import { showHeadline } from './units.mjs'

const WIDTH = 820
const LABEL_WIDTH = 284
const VALUE_WIDTH = 78
const ROW_HEIGHT = 19
const BAR_HEIGHT = 12
const PANEL_HEAD = 46
const PANEL_FOOT = 30
const MARGIN = 16
const PLOT = { left: MARGIN + LABEL_WIDTH, right: WIDTH - MARGIN - VALUE_WIDTH }

/** Readable in both, wherever the page that shows the picture follows the reader's choice. */
const STYLE = `
  :root { color-scheme: light dark }
  .page { fill: #ffffff } .text { fill: #1f2328; stroke: #ffffff } .faint { fill: #59636e } .grid { stroke: #d1d9e0 }
  .ours { fill: #0969da } .other { fill: #818b98 } .bound { fill: #c69026 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } .text { fill: #f0f6fc; stroke: #0d1117 } .faint { fill: #9198a1 } .grid { stroke: #3d444d }
    .ours { fill: #4493f8 } .other { fill: #656c76 } .bound { fill: #9e6a03 }
  }
  text { font: 12px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
  .text { paint-order: stroke; stroke-width: 3px; stroke-linejoin: round }
  .title { font-size: 14px; font-weight: 600 }
  .small { font-size: 10.5px }`

const LEGEND =
  'Blue: shmwire. Ochre: C++ without Node, the bounds of the machine among it. Grey: all else. ~: noisy.'

/**
 * One panel for each table, one bar for each competitor, on a logarithmic scale.
 * @param {string} note where the figures come from
 */
export function drawChart(tables, note) {
  let top = MARGIN
  const panels = tables.map((table) => {
    const { svg, height } = drawPanel(table, top)
    top += height
    return svg
  })
  const height = top + 3 * MARGIN
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Benchmarks of shmwire">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${WIDTH}" height="${height}"/>`,
    ...panels,
    text(MARGIN, height - 2 * MARGIN, LEGEND, 'faint small'),
    text(MARGIN, height - MARGIN, note, 'faint small'),
    '</svg>',
    '',
  ].join('\n')
}

function drawPanel({ title, headline, competitors }, top) {
  const isMore = headline.unit === 'per second'
  const rows = competitors
    .filter((one) => one.headline > 0)
    .toSorted((a, b) => (isMore ? b.headline - a.headline : a.headline - b.headline))
  const scale = logScale(rows.map((one) => one.headline))
  const bottom = top + PANEL_HEAD + rows.length * ROW_HEIGHT
  const lines = [
    text(MARGIN, top + 16, title, 'text title'),
    text(
      MARGIN,
      top + 32,
      `${headline.name}, ${isMore ? 'longer' : 'shorter'} is better, logarithmic scale`,
      'faint small',
    ),
    ...scale.ticks.map((value) => {
      const x = scale.at(value)
      const label = text(x, bottom + 13, showTick(headline, value), 'faint small', 'middle')
      return `<line class="grid" x1="${x}" x2="${x}" y1="${top + PANEL_HEAD - 4}" y2="${bottom}"/>\n${label}`
    }),
    ...rows.map((one, index) => drawRow(one, headline, scale, top + PANEL_HEAD + index * ROW_HEIGHT)),
  ]
  return { svg: lines.join('\n'), height: PANEL_HEAD + rows.length * ROW_HEIGHT + PANEL_FOOT }
}

function drawRow(one, headline, scale, top) {
  const x = scale.at(one.headline)
  const baseline = top + BAR_HEIGHT - 1.5
  const value = showHeadline(headline, one.headline) + (one.noisy ? ' ~' : '')
  return [
    text(PLOT.left - 8, baseline, one.title, 'text', 'end'),
    `<rect class="${kindOf(one)}" x="${PLOT.left}" y="${top}" width="${round(x - PLOT.left)}" height="${BAR_HEIGHT}" rx="2"/>`,
    text(x + 6, baseline, value, 'text'),
  ].join('\n')
}

function kindOf({ name, transport }) {
  if (name.startsWith('shmwire')) return 'ours'
  return transport === 'native' ? 'bound' : 'other'
}

/** From a power of ten below the smallest value, so that every bar has a length, to the largest. */
function logScale(values) {
  const low = Math.floor(Math.log10(Math.min(...values) / 1.5))
  const high = Math.log10(Math.max(...values))
  const width = PLOT.right - PLOT.left
  const at = (value) => round(PLOT.left + (width * (Math.log10(value) - low)) / (high - low))
  const ticks = []
  for (let power = low; power <= high; power += 1) ticks.push(10 ** power)
  return { at, ticks }
}

/** A power of ten needs no digits behind the point. */
function showTick(headline, value) {
  return showHeadline(headline, value).replace(/\.0+(?= )|\.0+(?=[a-z%µ/])/, '')
}

function text(x, y, content, kind, anchor = 'start') {
  return `<text class="${kind}" x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escapeXml(content)}</text>`
}

function escapeXml(value) {
  return value.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value) {
  return Math.round(value * 10) / 10
}
