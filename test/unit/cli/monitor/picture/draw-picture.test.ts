import { describe, expect, it } from 'vitest'
import { frameOf } from '../../../../../src/cli/monitor/build-frame.js'
import type { MonitorFrame } from '../../../../../src/cli/monitor/frame.js'
import { drawGraph } from '../../../../../src/cli/monitor/picture/draw-graph.js'
import { drawPicture, withoutFolders } from '../../../../../src/cli/monitor/picture/draw-picture.js'
import {
  ALL,
  FIGURES,
  FigureHistory,
  SAMPLES_MAX,
} from '../../../../../src/cli/monitor/picture/figure-history.js'
import {
  DARK,
  kindColour,
  LIGHT,
  type Palette,
  transportColour,
} from '../../../../../src/cli/monitor/picture/palette.js'
import { fit, type Shape, svgText, textShape } from '../../../../../src/cli/monitor/picture/shape.js'
import type { Snapshot } from '../../../../../src/observe/figures.js'
import { channel, processAt } from '../../../../support/monitored.js'

const ABOUT = { version: '1.2.3', runtime: 'Node.js 20', system: 'Linux 6, x64', intervalMs: 1_000 }
const HOSTILE = '<img src=x onerror=alert(1)>"&\u0000\ufffe'

function processes(ms: number, address: string, title = 'a.mjs'): Snapshot[] {
  const server = processAt(1, ms, {
    channels: [channel(1, 'server', 2, ms, { address })],
    services: [{ address, service: '', methods: [] }],
    topics: [
      {
        address,
        name: title,
        epoch: 'e',
        sequence: ms,
        bytes: 0,
        subscribers: 0,
        disconnected: 0,
        wakesSent: 0,
      },
    ],
  })
  return [
    { ...server, process: { ...server.process, title } },
    processAt(2, ms, { channels: [channel(1, 'client', 1, ms, { address })] }),
  ]
}

function frameAt(seconds: number, address = 'prices', title?: string): MonitorFrame {
  const at = (ms: number): Snapshot[] => processes(ms, address, title)
  return { ...frameOf(at(seconds * 1_000 - 1_000), at(seconds * 1_000)), atMs: seconds * 1_000 }
}

function pictureOf(address: string, title?: string): string {
  const history = new FigureHistory()
  for (const seconds of [2, 3, 4]) history.add(frameAt(seconds, address, title))
  return drawPicture(frameAt(4, address, title), history, ABOUT).svg
}

function allOf(shape: Shape): Shape[] {
  return [shape, ...shape.children.flatMap(allOf)]
}

describe('the picture of the monitor', () => {
  it('has the graph, a line for each chart, and the versions', () => {
    const svg = pictureOf('prices')
    expect(svg).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<svg xmlns="http:\/\/www.w3.org\/2000\/svg" /,
    )
    for (const text of [
      'a.mjs',
      'program-2.mjs',
      'prices',
      'shmwire 1.2.3 · Linux 6, x64',
      '1970-01-01 00:00:04 UTC',
    ])
      expect(svg).toContain(text)
    for (const { title } of FIGURES) expect(svg).toContain(`>${title}<`)
    expect(svg.match(/stroke-linejoin="round"/g)).toHaveLength(FIGURES.length)
  })

  it('escapes the texts of other processes', () => {
    const svg = pictureOf('prices', HOSTILE)
    expect(svg).not.toContain('<img')
    expect(svg).toContain('&lt;img')
    expect(svgText(textShape(0, 0, HOSTILE, { 'aria-label': HOSTILE }))).toContain(
      ' x="0" y="0" aria-label="&lt;img src=x onerror=alert(1)&gt;&quot;&amp;\ufffd\ufffd">&lt;img src=x onerror=alert(1)&gt;&quot;&amp;\ufffd\ufffd</text>',
    )
  })

  it('leaves out the folders of addresses, which can have the name of a user', () => {
    const svg = pictureOf('unix:/users/ann b/app.sock')
    expect(svg).not.toMatch(/users|ann b/)
    expect(svg).toContain('unix:…/app.sock')
  })

  it('leaves them out of the texts that appear under the pointer', () => {
    const frame = frameAt(4)
    const [node] = frame.nodes as [MonitorFrame['nodes'][number]]
    const address = 'unix:/users/ann b/app.sock'
    const nodes = [
      { ...node, warnings: [`${address} jobs: 2 dead jobs`] },
      { id: 'remote', kind: 'remote' as const, title: address, threads: 0, warnings: [] },
    ]
    const { svg } = drawPicture({ ...frame, nodes }, new FigureHistory(), ABOUT)
    expect(svg).not.toMatch(/users|ann b/)
    expect(svg).toContain('unix:…/app.sock jobs: 2 dead jobs</title>')
  })

  it.each([
    ['no answer from /users/ann/a.sock (ENOENT)', 'no answer from …/a.sock (ENOENT)'],
    ["cannot open 'C:\\users\\ann\\b' or /users/ann/c", "cannot open '…/c"],
    ['/app.sock', '…/app.sock'],
    ['a.mjs 7: unix:/users/ann/a.sock: calls fail: 35.1 k/s', 'a.mjs 7: unix:…/a.sock: calls fail: 35.1 k/s'],
    ['/users/ann/s', '…/s'],
    ['a topic prices/eu', 'a topic prices/eu'],
    ['127.0.0.1:8080', '127.0.0.1:8080'],
  ])('shortens the paths in %s', (text, expected) => {
    expect(withoutFolders(text)).toBe(expected)
  })

  it('loads nothing', () => {
    expect(pictureOf('prices')).not.toMatch(/href|url\(|<script|<style/)
  })
})

describe('the graph', () => {
  const view = { palette: LIGHT, selected: undefined, width: 1_000, height: 500 }

  it('does not move when figures change', () => {
    const places = (frame: MonitorFrame): unknown[] =>
      allOf(drawGraph(frame, view).shape)
        .filter(({ attributes }) => attributes['class'] === 'node')
        .map(({ key, attributes }) => [key, attributes['transform']])
    const frame = frameAt(2)
    const busier = {
      ...frame,
      nodes: frame.nodes.map((node) => ({ ...node, cpuPercent: 99, warnings: ['slow'] })),
      edges: frame.edges.map((edge) => ({ ...edge, messagesPerSecond: 1e6 })),
      rows: frame.rows.map((row) => ({ ...row, messagesPerSecond: 1e6, lag: 9 })).toReversed(),
    }
    expect(places(busier)).toEqual(places(frame))
    expect(places(frame)).toHaveLength(2)
  })

  it('has boxes for the keyboard, with names', () => {
    const boxes = allOf(drawGraph(frameAt(2), { ...view, selected: 'process 1' }).shape).filter(
      ({ attributes }) => attributes['role'] === 'button',
    )
    expect(
      boxes.map(({ attributes }) => [
        attributes['aria-label'],
        attributes['aria-pressed'],
        attributes['tabindex'],
      ]),
    ).toEqual([
      ['a.mjs, process 1', 'true', 0],
      ['program-2.mjs, process 2', 'false', 0],
    ])
  })

  it('cuts long texts', () => {
    expect(fit('short', 100, 12)).toBe('short')
    expect(fit('x'.repeat(100), 70, 10)).toMatch(/^x{5,12}…$/)
    expect(fit('漢'.repeat(100), 70, 10)).toMatch(/^漢{3,6}…$/)
  })
})

describe('the history of the charts', () => {
  it('keeps a limited number of samples for all, each process and each row', () => {
    const history = new FigureHistory()
    for (let seconds = 2; seconds < SAMPLES_MAX + 52; seconds += 1) history.add(frameAt(seconds))
    const [row] = frameAt(2).rows
    for (const key of [ALL, 'process 1', row?.key ?? ''])
      expect(history.of(key)?.map((series) => series.length)).toEqual(FIGURES.map(() => SAMPLES_MAX))
    expect([history.times.length, history.times[0], history.times.at(-1)]).toEqual([
      SAMPLES_MAX,
      52,
      SAMPLES_MAX + 51,
    ])
  })

  it('has no value where a process did not answer, and forgets it', () => {
    const history = new FigureHistory()
    history.add(frameAt(2))
    history.add({ ...frameAt(3), nodes: [], rows: [] })
    expect(history.of('process 1')?.[2]).toEqual([expect.any(Number), null])
    for (let seconds = 4; seconds < SAMPLES_MAX + 4; seconds += 1)
      history.add({ ...frameAt(seconds), nodes: [], rows: [] })
    expect(history.of('process 1')).toBeUndefined()
  })

  it('has a gap where it was interrupted', () => {
    const history = new FigureHistory()
    history.interrupt()
    expect(history.times).toEqual([])
    history.add(frameAt(2))
    history.interrupt()
    history.add(frameAt(9))
    expect(history.times).toEqual([2, 2.001, 9])
    for (const key of [ALL, 'process 1'])
      expect(history.of(key)?.[2]).toEqual([expect.any(Number), null, expect.any(Number)])
  })

  it('has a copy that later samples do not change', () => {
    const history = new FigureHistory()
    history.add(frameAt(2))
    const copy = history.copy()
    history.add(frameAt(3))
    expect([copy.times, copy.of('process 1')?.[2], history.times]).toEqual([
      [2],
      [expect.any(Number)],
      [2, 3],
    ])
  })

  it('does not add rates that are not those of an interval', () => {
    const history = new FigureHistory()
    history.add({ ...frameAt(2), isFirst: true })
    expect(history.times).toEqual([])
  })
})

describe('the colours', () => {
  const KINDS = ['service', 'topic', 'subscription', 'queue', 'cell', 'gateway'] as const
  const TRANSPORTS = ['shm', 'unix', 'pipe', 'tcp', 'tls', 'stdio', 'constructor']

  it.each([
    ['light', LIGHT],
    ['dark', DARK],
  ])('of texts and lines have the contrast of WCAG AA (%s)', (_name, palette: Palette) => {
    for (const background of [palette.surface, palette.background]) {
      for (const text of [palette.text, palette.muted, palette.accent, palette.warning, palette.good])
        expect(contrast(text, background)).toBeGreaterThanOrEqual(4.5)
      const lines = [
        ...KINDS.map((kind) => kindColour(kind, palette)),
        ...TRANSPORTS.map((name) => transportColour(name, palette)),
      ]
      for (const line of lines) expect(contrast(line, background)).toBeGreaterThanOrEqual(3)
    }
  })
})

/** https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio */
function contrast(a: string, b: string): number {
  const [light, dark] = [luminance(a), luminance(b)].toSorted((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5]
    .map((index) => Number.parseInt(colour.slice(index, index + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)) as [
    number,
    number,
    number,
  ]
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}
