// OpenTelemetry in a process of the example: its spans go to the parent process. A program would export them with OTLP: docs/otel.md.
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import { BasicTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { instrument } from 'shmwire/otel'

const KINDS = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']

/** Registers an SDK, and makes spans of everything that shmwire does. Call it before anything else. */
export function startTelemetry(processName) {
  const exporter = {
    export(spans, done) {
      for (const span of spans) process.send?.({ span: portable(span, processName) })
      done({ code: 0 })
    },
    shutdown: async () => {},
  }
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }),
  )
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  )
  return instrument()
}

/** Reports that the process is ready, and ends it in order when the parent says so or is gone. */
export function runUntilStopped(ready, close) {
  const stop = () => void close().then(() => process.exit())
  process.once('message', stop)
  process.once('disconnect', stop)
  process.send?.({ ready })
}

function portable(span, processName) {
  const { traceId, spanId } = span.spanContext()
  return {
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    process: processName,
    name: span.name,
    kind: KINDS[span.kind],
    links: span.links.map((link) => link.context.spanId),
    attributes: span.attributes,
    startMs: toMs(span.startTime),
    endMs: toMs(span.endTime),
  }
}

function toMs([seconds, nanoseconds]) {
  return seconds * 1e3 + nanoseconds / 1e6
}
