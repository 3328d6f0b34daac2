/** The smaller parts of the page. */
import type { MonitorFrame } from '../frame.js'
import { ALL } from '../picture/figure-history.js'
import { type Palette, transportColour } from '../picture/palette.js'
import { keyed, type Shape, shape } from '../picture/shape.js'
import { bytesText, countedText, countText, percentText, rateText } from '../picture/texts.js'

const NOTICES_MAX = 6

export function totalShapes({ nodes, edges, rows }: MonitorFrame): Shape[] {
  const processes = nodes.filter(({ kind }) => kind === 'process')
  const warnings =
    nodes.reduce((count, node) => count + node.warnings.length, 0) +
    edges.filter(({ warning }) => warning !== undefined).length
  const tiles: [title: string, value: string, className?: string][] = [
    ['Processes', countText(processes.length)],
    ['Channels', countText(sum(edges.map(({ channels }) => channels)))],
    ['Messages', rateText(sum(edges.map(({ messagesPerSecond }) => messagesPerSecond)))],
    ['Throughput', `${bytesText(sum(edges.map(({ bytesPerSecond }) => bytesPerSecond)))}/s`],
    ['CPU', percentText(sum(processes.map(({ cpuPercent }) => cpuPercent ?? 0)))],
    ['Memory', bytesText(sum(processes.map(({ residentBytes }) => residentBytes ?? 0)))],
    ['Errors and drops', rateText(sum(rows.map(({ dropsPerSecond }) => dropsPerSecond ?? 0)))],
    ['Warnings', countText(warnings), warnings > 0 ? 'warned' : 'good'],
  ]
  return tiles.map(([title, value, className]) =>
    keyed(
      title,
      shape('div', { class: className }, [
        { ...shape('dt', {}), text: title },
        { ...shape('dd', {}), text: value },
      ]),
    ),
  )
}

export function noticeShapes({ nodes, edges, unanswered, omitted }: MonitorFrame): Shape[] {
  const titles = new Map(nodes.map(({ id, title, pid }) => [id, `${title} ${pid ?? ''}`]))
  const texts = [
    ...nodes.flatMap(({ id, warnings }) => warnings.map((text) => `${titles.get(id)}: ${text}`)),
    ...edges.flatMap(({ from, to, warning }) =>
      warning === undefined ? [] : [`${titles.get(from)} → ${titles.get(to)}: ${warning}`],
    ),
    ...unanswered.map(({ address, message }) => `${address} does not answer: ${message}`),
    ...(omitted > 0 ? [`${countedText(omitted, 'row')} left out, because there are too many`] : []),
  ]
  const shown = texts.slice(0, NOTICES_MAX)
  if (texts.length > shown.length) shown.push(`and ${texts.length - shown.length} more`)
  return shown.map((text) => ({ ...shape('li', {}), text }))
}

/** A colour for each transport that is in use. */
export function legendShapes({ edges }: MonitorFrame, palette: Palette): Shape[] {
  const transports = [...new Set(edges.map(({ transport }) => transport))].toSorted()
  const entries = transports.map((transport): [string, string] => [
    transport,
    transportColour(transport, palette),
  ])
  if (edges.some(({ warning }) => warning !== undefined)) entries.push(['warning', palette.warning])
  return entries.map(([name, colour]) =>
    keyed(
      name,
      shape('li', {}, [
        // The page allows no style attributes, so a script applies it.
        shape('span', { class: 'swatch', 'data-colour': colour }),
        { ...shape('span', {}), text: name === 'shm' ? 'shared memory' : name },
      ]),
    ),
  )
}

export function selectionTitle({ nodes, rows }: MonitorFrame, selected: string): string {
  if (selected === ALL) return 'All processes'
  const node = nodes.find(({ id }) => id === selected)
  if (node !== undefined) return `${node.title} ${node.pid ?? ''}`
  const row = rows.find(({ key }) => key === selected)
  return row === undefined ? 'It has ended' : `${row.kind} ${row.name} ${row.peer}`
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
