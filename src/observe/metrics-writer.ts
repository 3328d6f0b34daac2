/** Writes the text format 0.0.4 of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
import { BUCKET_BOUNDS_MS, type HistogramFigures } from './latency-histogram.js'
import { METRICS, type Metric, type MetricName } from './metric-table.js'

/** Undefined: the label is left out. */
export type Labels = Readonly<Record<string, string | number | undefined>>

const MS = 1_000
const LABEL_CHARACTERS_MAX = 256
/** A scrape takes its time and memory at both sides. Further series are left out and counted. */
const SERIES_MAX = 20_000
/** The buckets with that of infinity, the sum and the count. */
const SERIES_OF_HISTOGRAM = BUCKET_BOUNDS_MS.length + 3

/** Collects the series of metrics. Rows with the same labels become one, because Prometheus refuses a text with two. */
export class MetricsWriter {
  readonly #families = new Map<MetricName, Map<string, number>>()
  #series = 0
  #omitted = 0

  /** Undefined has no series. */
  add(name: MetricName, labels: Labels, value: number | undefined): void {
    if (value !== undefined) this.#put(name, labelText(labels), '', value)
  }

  histogram(name: MetricName, labels: Labels, { buckets, count, sumMs }: HistogramFigures): void {
    const text = labelText(labels)
    const comma = text === '' ? '' : ','
    // A part of a histogram would be wrong.
    const isPresent = this.#families.get(name)?.has(seriesOf(name, '_count', text)) === true
    if (!isPresent && this.#series + SERIES_OF_HISTOGRAM > SERIES_MAX) {
      this.#omitted += SERIES_OF_HISTOGRAM
      return
    }
    for (const [index, boundMs] of BUCKET_BOUNDS_MS.entries())
      this.#put(name, `${text}${comma}le="${boundMs / MS}"`, '_bucket', buckets[index] ?? 0)
    this.#put(name, `${text}${comma}le="+Inf"`, '_bucket', count)
    this.#put(name, text, '_sum', sumMs / MS)
    this.#put(name, text, '_count', count)
  }

  /** Adds the number of the rows and series that are left out. Call it last. */
  addOmitted(rows: number): void {
    this.#families.set(
      'shmwire_snapshot_omitted_rows',
      new Map([['shmwire_snapshot_omitted_rows', rows + this.#omitted]]),
    )
  }

  /** In the order of the table of metrics. */
  text(): string {
    const lines: string[] = []
    for (const [name, { help, type }] of Object.entries<Metric>(METRICS)) {
      const family = this.#families.get(name as MetricName)
      if (family === undefined) continue
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`)
      for (const [series, value] of family) lines.push(`${series} ${value}`)
    }
    return `${lines.join('\n')}\n`
  }

  #put(name: MetricName, labels: string, suffix: string, value: number): void {
    const family = this.#families.get(name) ?? new Map<string, number>()
    const series = seriesOf(name, suffix, labels)
    const present = family.get(series)
    if (present === undefined) {
      if (this.#series >= SERIES_MAX) {
        this.#omitted += 1
        return
      }
      this.#series += 1
    }
    this.#families.set(name, family)
    const { merge }: Metric = METRICS[name]
    const merged = merge === 'max' ? Math.max(present ?? value, value) : (present ?? 0) + value
    family.set(series, merged)
  }
}

function seriesOf(name: MetricName, suffix: string, labels: string): string {
  return labels === '' ? `${name}${suffix}` : `${name}${suffix}{${labels}}`
}

function labelText(labels: Labels): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(labels))
    if (value !== undefined) parts.push(`${name}="${escaped(String(value))}"`)
  return parts.join(',')
}

function escaped(value: string): string {
  return value
    .slice(0, LABEL_CHARACTERS_MAX)
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('\n', '\\n')
    .toWellFormed()
}
