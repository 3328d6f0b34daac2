import uPlot from 'uplot'
import { FIGURES, type Figure, type FigureHistory, type Value } from '../picture/figure-history.js'
import { type Palette, seriesColour } from '../picture/palette.js'

const HEIGHT = 128
const FONT = '11px system-ui, sans-serif'
const AXIS_WIDTH = 62
const AXIS_HEIGHT = 30
const HEADROOM = 1.15
const WIDTH_MIN = 120
const TIME_WIDTH = 52
/** Between the labels of an axis, up to 1 PiB and 500 trillion. */
const STEPS = {
  binary: Array.from({ length: 51 }, (_, power) => 2 ** power),
  whole: Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat(),
}

/** A chart for each figure, with one cursor for all. */
export class Charts {
  readonly #charts: Chart[]

  constructor(parent: Element, palette: Palette) {
    this.#charts = FIGURES.map((figure) => new Chart(parent, figure, palette))
    const observer = new ResizeObserver(() => {
      for (const chart of this.#charts) chart.resize()
    })
    observer.observe(parent)
  }

  show(history: FigureHistory, key: string): void {
    const series = history.of(key)
    for (const [index, chart] of this.#charts.entries())
      chart.show(history.times, series?.[index] ?? history.times.map(() => null))
  }

  paint(palette: Palette): void {
    for (const chart of this.#charts) chart.paint(palette)
  }
}

class Chart {
  readonly #figure: Figure
  readonly #card = document.createElement('figure')
  readonly #value = document.createElement('output')
  readonly #plotArea = document.createElement('div')
  #plot: uPlot
  #data: uPlot.AlignedData = [[], []]

  constructor(parent: Element, figure: Figure, palette: Palette) {
    this.#figure = figure
    const caption = document.createElement('figcaption')
    const title = document.createElement('span')
    title.textContent = figure.title
    caption.title = figure.hint
    caption.append(title, this.#value)
    this.#plotArea.className = 'plot'
    this.#plotArea.setAttribute('role', 'img')
    this.#card.append(caption, this.#plotArea)
    parent.append(this.#card)
    this.#plot = this.#create(palette)
  }

  show(times: readonly number[], values: readonly Value[]): void {
    this.#data = [[...times], [...values]]
    this.#card.classList.toggle(
      'none',
      values.every((value) => value === null),
    )
    this.#plot.setData(this.#data)
    this.#showValue()
  }

  resize(): void {
    const { width } = this.#size()
    if (width !== this.#plot.width) this.#plot.setSize(this.#size())
  }

  paint(palette: Palette): void {
    this.#plot.destroy()
    this.#plot = this.#create(palette)
  }

  #size(): { width: number; height: number } {
    return { width: Math.max(WIDTH_MIN, this.#plotArea.clientWidth), height: HEIGHT }
  }

  /** The value at the cursor, or the latest one. */
  #showValue(): void {
    const values = this.#data[1] ?? []
    const value = values[this.#plot.cursor.idx ?? values.length - 1] ?? undefined
    const text = value === undefined ? '–' : this.#figure.format(value)
    if (this.#value.textContent === text) return
    this.#value.textContent = text
    this.#plotArea.setAttribute('aria-label', `${this.#figure.title}, ${this.#figure.hint}: ${text}`)
  }

  #create(palette: Palette): uPlot {
    const { format, steps } = this.#figure
    const colour = seriesColour(palette)
    const lines = { stroke: palette.border, width: 1 }
    const axis = { stroke: palette.muted, font: FONT, ticks: { show: false }, border: { show: false } }
    const options: uPlot.Options = {
      ...this.#size(),
      padding: [8, 8, 0, 0],
      legend: { show: false },
      cursor: {
        y: false,
        drag: { x: false, y: false },
        sync: { key: 'shmwire' },
        points: { size: 7, fill: colour },
      },
      scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * HEADROOM : 1] } },
      axes: [
        {
          ...axis,
          size: AXIS_HEIGHT,
          gap: 10,
          space: 90,
          grid: { show: false },
          values: timeTexts,
        },
        {
          ...axis,
          size: AXIS_WIDTH,
          space: 34,
          ...(steps === undefined ? {} : { incrs: STEPS[steps] }),
          grid: lines,
          values: (_plot, splits) => splits.map((value) => format(value)),
        },
      ],
      series: [{}, { stroke: colour, width: 1.75, fill: `${colour}22`, points: { show: false } }],
      hooks: { setCursor: [() => this.#showValue()] },
    }
    return new uPlot(options, this.#data, this.#plotArea)
  }
}

/** Without a time at the right edge, which would be cut. */
function timeTexts(plot: uPlot, splits: readonly number[]): string[] {
  return splits.map((seconds) =>
    plot.valToPos(seconds, 'x') > plot.over.clientWidth - TIME_WIDTH / 2
      ? ''
      : new Date(seconds * 1_000).toLocaleTimeString([], { hour12: false }),
  )
}
