/** The page of `shmwire monitor`. */
import type { MonitorAbout, MonitorFrame } from '../frame.js'
import { drawGraph } from '../picture/draw-graph.js'
import { drawPicture } from '../picture/draw-picture.js'
import { ALL, FigureHistory } from '../picture/figure-history.js'
import { DARK, LIGHT, type Palette } from '../picture/palette.js'
import { shape } from '../picture/shape.js'
import { Charts } from './charts.js'
import { readEvents } from './events.js'
import { legendShapes, noticeShapes, selectionTitle, totalShapes } from './parts.js'
import { HTML, patch, SVG } from './patch.js'
import { savePicture } from './save-picture.js'
import { type Order, processesTable, reordered, rowsTable } from './tables.js'
import { takeToken } from './token.js'

/** The share of the window's height that the graph fills at most before its parts become smaller. */
const GRAPH_SHARE = 0.62
const GRAPH_HEIGHT_MIN = 260
/** Texts of a smaller graph could not be read, so it scrolls instead. */
const SCALE_MIN = 0.62
/** So long after the end of an interval, something is wrong: a server that does not answer takes at most two seconds by default. */
const LATE_MS = 5_000
const LATE_CHECK_MS = 1_000
/** A narrower window scrolls. */
const GRAPH_WIDTH_MIN = 860

// oxlint-disable-next-line no-restricted-properties -- a page has no host.ts
const timeMs = (): number => Date.now()

const byId = <T extends Element = HTMLElement>(id: string): T => document.getElementById(id) as unknown as T

class Page {
  readonly #history = new FigureHistory()
  readonly #dark = matchMedia('(prefers-color-scheme: dark)')
  readonly #charts: Charts
  /** The one on the page. */
  #frame: MonitorFrame | undefined
  /** The latest one. */
  #latest: MonitorFrame | undefined
  /** Of the charts, while the page is paused. */
  #frozen: FigureHistory | undefined
  #arrivedMs = timeMs()
  #connection = { state: 'lost', text: 'connecting…' }
  #about: MonitorAbout | undefined
  #selected: string = ALL
  #rowOrder: Order = { column: 'Messages', isInverted: false }
  #processOrder: Order = { column: 'CPU', isInverted: false }

  constructor() {
    this.#charts = new Charts(byId('charts'), this.#palette)
    this.#paint()
    this.#dark.addEventListener('change', () => {
      this.#paint()
      this.#draw()
    })
    addEventListener('resize', () => this.#draw())
    byId('pause').addEventListener('click', () => this.#togglePause())
    byId('picture').addEventListener('click', () => void this.#savePicture())
    byId('all').addEventListener('click', () => this.#select(ALL))
    byId('filter').addEventListener('input', () => this.#draw())
    document.addEventListener('click', (event) => this.#press(event.target as Element))
    document.addEventListener('keydown', (event) => this.#key(event))
    // oxlint-disable-next-line no-restricted-globals -- a page has no host.ts
    setInterval(() => this.#checkAge(), LATE_CHECK_MS)
  }

  about(about: MonitorAbout): void {
    this.#about = about
    byId('about').textContent =
      `shmwire ${about.version} · ${about.system} · read every ${about.intervalMs / 1_000} s`
  }

  frame(frame: MonitorFrame): void {
    this.#history.add(frame)
    this.#latest = frame
    this.#arrivedMs = timeMs()
    this.#status(frame.fault === undefined ? 'live' : 'fault', frame.fault ?? 'live')
    if (this.#frozen !== undefined) return
    this.#frame = frame
    this.#draw()
  }

  lost(reason: string, isFinal: boolean): void {
    if (this.#connection.state === 'live') this.#history.interrupt()
    this.#status(isFinal ? 'fault' : 'lost', reason)
  }

  get #shownHistory(): FigureHistory {
    return this.#frozen ?? this.#history
  }

  get #palette(): Palette {
    return this.#dark.matches ? DARK : LIGHT
  }

  /** The colours are those of the picture, so they are not in the style sheet. */
  #paint(): void {
    for (const [name, colour] of Object.entries(this.#palette))
      document.documentElement.style.setProperty(`--${name}`, String(colour))
    this.#charts.paint(this.#palette)
  }

  #status(state: string, text: string): void {
    this.#connection = { state, text }
    const isPaused = this.#frozen !== undefined
    const isLive = state === 'live'
    document.body.classList.toggle('still', isPaused || !isLive)
    const status = byId('status')
    status.dataset['state'] = isPaused && isLive ? 'paused' : state
    const shown = !isPaused ? text : isLive ? 'paused' : `paused; ${text}`
    // A screen reader reads each new text.
    if (status.textContent !== shown) status.textContent = shown
  }

  /** A connection can stay open although nothing arrives: a process is stopped, or a tunnel is cut. */
  #checkAge(): void {
    const { intervalMs = 0 } = this.#about ?? {}
    if (this.#connection.state !== 'live' || timeMs() - this.#arrivedMs < intervalMs + LATE_MS) return
    const time = new Date(this.#arrivedMs).toLocaleTimeString([], { hour12: false })
    this.lost(`nothing new since ${time}`, false)
  }

  #draw(): void {
    const frame = this.#frame
    if (frame === undefined) return
    this.#drawGraph(frame)
    const view = { selected: this.#selected }
    patch(byId('totals'), totalShapes(frame), HTML)
    const notices = noticeShapes(frame)
    patch(byId('notices'), notices, HTML)
    byId('notices').hidden = notices.length === 0
    byId('charts-title').textContent = selectionTitle(frame, this.#selected)
    byId('all').hidden = this.#selected === ALL
    this.#charts.show(this.#shownHistory, this.#selected)
    const filter = byId<HTMLInputElement>('filter').value.toLowerCase()
    const { shapes, more } = rowsTable(frame, { ...view, order: this.#rowOrder }, filter)
    patch(byId('rows'), shapes, HTML)
    byId('more').hidden = more === 0
    byId('more').textContent = `and ${more} more: use the filter`
    patch(byId('processes'), processesTable(frame, { ...view, order: this.#processOrder }), HTML)
    byId<HTMLButtonElement>('picture').disabled = this.#about === undefined
  }

  #drawGraph(frame: MonitorFrame): void {
    const shownWidth = byId('graph-view').clientWidth
    const width = Math.max(GRAPH_WIDTH_MIN, shownWidth)
    const height = Math.max(GRAPH_HEIGHT_MIN, innerHeight * GRAPH_SHARE)
    // A process that has ended must not leave the edges of all others in the background.
    const selected = frame.nodes.some(({ id }) => id === this.#selected) ? this.#selected : undefined
    const drawing = drawGraph(frame, { palette: this.#palette, selected, width, height })
    const scale = Math.max(SCALE_MIN, Math.min(drawing.scale, shownWidth / drawing.width))
    const svg = {
      id: 'graph',
      viewBox: `0 0 ${drawing.width} ${drawing.height}`,
      width: Math.round(drawing.width * scale),
      height: Math.round(drawing.height * scale),
      role: 'group',
      'aria-labelledby': 'graph-title',
    }
    const isEmpty = frame.nodes.length === 0
    patch(byId('graph-view'), isEmpty ? [] : [shape('svg', svg, [drawing.shape])], SVG)
    byId('empty').hidden = !isEmpty
    patch(byId('legend'), legendShapes(frame, this.#palette), HTML)
    for (const swatch of document.querySelectorAll<HTMLElement>('[data-colour]'))
      swatch.style.background = swatch.dataset['colour'] ?? ''
  }

  #press(target: Element): void {
    const sorted = target.closest('[data-sort]')
    if (sorted !== null) {
      const column = sorted.getAttribute('data-sort') ?? ''
      if (sorted.closest('#rows') !== null) this.#rowOrder = reordered(this.#rowOrder, column)
      else this.#processOrder = reordered(this.#processOrder, column)
      this.#draw()
      return
    }
    const selected = target.closest('[data-select]')?.getAttribute('data-select')
    if (typeof selected === 'string') this.#select(selected === this.#selected ? ALL : selected)
    else if (target.closest('#graph') !== null) this.#select(ALL)
  }

  #key(event: KeyboardEvent): void {
    if (event.key === 'Escape') this.#select(ALL)
    const node = (event.target as Element).closest('g[data-select]')
    if (node === null || (event.key !== 'Enter' && event.key !== ' ')) return
    event.preventDefault()
    this.#press(node)
  }

  #select(key: string): void {
    this.#selected = key
    this.#draw()
  }

  #togglePause(): void {
    const isPaused = this.#frozen === undefined
    this.#frozen = isPaused ? this.#history.copy() : undefined
    const button = byId('pause')
    button.setAttribute('aria-pressed', String(isPaused))
    button.textContent = isPaused ? 'Continue' : 'Pause'
    this.#status(this.#connection.state, this.#connection.text)
    if (!isPaused) this.#frame = this.#latest
    this.#draw()
  }

  async #savePicture(): Promise<void> {
    if (this.#frame === undefined || this.#about === undefined) return
    const time = new Date(this.#frame.atMs)
      .toISOString()
      .slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)
      .replaceAll(':', '')
    await savePicture(drawPicture(this.#frame, this.#shownHistory, this.#about), `shmwire-${time}.png`)
  }
}

const token = takeToken()
const page = new Page()
void readEvents(token, page)
