import { context, metrics, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  type DataPoint,
  type Histogram,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { onTestFinished } from 'vitest'
import { type Instrumentation, type InstrumentOptions, instrument } from '../../src/observe/otel/index.js'

/** The kinds as text, which failures of tests show. */
const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const

/** A finished span, without ids and times. */
export interface SpanRow {
  readonly name: string
  readonly kind: (typeof KINDS)[number]
  /** The name of its parent; `'remote'` if that is not among the spans, undefined for a root. */
  readonly parent: string | undefined
}

/** An SDK that is registered until the end of the test, whose exporters keep all that they get. */
export class TestTelemetry {
  readonly #spans = new InMemorySpanExporter()
  readonly #metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  readonly #reader = new PeriodicExportingMetricReader({
    exporter: this.#metrics,
    exportIntervalMillis: 2 ** 31 - 1,
  })

  /** With a sampler, the SDK decides by it. */
  register(sampler?: Sampler): this {
    const spanProcessors = [new SimpleSpanProcessor(this.#spans)]
    const provider = new BasicTracerProvider({
      spanProcessors,
      ...(sampler === undefined ? {} : { sampler }),
    })
    trace.setGlobalTracerProvider(provider)
    metrics.setGlobalMeterProvider(new MeterProvider({ readers: [this.#reader] }))
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    propagation.setGlobalPropagator(
      new CompositePropagator({
        propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
      }),
    )
    onTestFinished(unregister)
    return this
  }

  /** The finished spans: first those without a parent, then their children, and so on; in the order in which they began. */
  get spans(): ReadableSpan[] {
    const spans = this.#spans.getFinishedSpans()
    const depths = new Map(spans.map((span) => [span, depthOf(span, spans)]))
    const depth = (span: ReadableSpan): number => depths.get(span) as number
    return spans.toSorted((a, b) => depth(a) - depth(b) || startNs(a) - startNs(b))
  }

  get rows(): SpanRow[] {
    const { spans } = this
    return spans.map(({ name, kind, parentSpanContext: parent }) => ({
      name,
      kind: KINDS[kind],
      parent: parent && (spans.find((span) => span.spanContext().spanId === parent.spanId)?.name ?? 'remote'),
    }))
  }

  /** One span by its name, and by its kind if several have the name. */
  span(name: string, kind?: SpanRow['kind']): ReadableSpan {
    const found = this.spans.filter(
      (span) => span.name === name && (kind === undefined || KINDS[span.kind] === kind),
    )
    if (found.length !== 1) throw new Error(`${found.length} spans ${name} in ${JSON.stringify(this.rows)}`)
    return found[0] as ReadableSpan
  }

  get traceIds(): string[] {
    return [...new Set(this.spans.map((span) => span.spanContext().traceId))]
  }

  /** The points of a metric. */
  async points(name: string): Promise<DataPoint<number | Histogram>[]> {
    await this.#reader.forceFlush()
    const { scopeMetrics = [] } = this.#metrics.getMetrics().at(-1) ?? {}
    const found = scopeMetrics
      .flatMap((scope) => scope.metrics)
      .find(({ descriptor }) => descriptor.name === name)
    return (found?.dataPoints ?? []) as DataPoint<number | Histogram>[]
  }
}

/** Until the end of the test. */
export function instrumented(options?: InstrumentOptions): Instrumentation {
  const instrumentation = instrument(options)
  onTestFinished(() => instrumentation.stop())
  return instrumentation
}

/** An SDK and its instrumentation until the end of the test. */
export function telemetry(options?: InstrumentOptions, sampler?: Sampler): TestTelemetry {
  const registered = new TestTelemetry().register(sampler)
  instrumented(options)
  return registered
}

function unregister(): void {
  trace.disable()
  metrics.disable()
  context.disable()
  propagation.disable()
}

function depthOf({ parentSpanContext: parent }: ReadableSpan, spans: readonly ReadableSpan[]): number {
  const found = spans.find((span) => span.spanContext().spanId === parent?.spanId)
  return found === undefined ? 0 : 1 + depthOf(found, spans)
}

function startNs({ startTime: [seconds, nanoseconds] }: ReadableSpan): number {
  return seconds * 1e9 + nanoseconds
}
