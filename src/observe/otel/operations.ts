import type { TracingChannel } from 'node:diagnostics_channel'
import { type Attributes, type Context, context, type Span, SpanStatusCode } from '@opentelemetry/api'
import type { TracedPayload } from '../diagnostics-trace.js'
import { guarded } from './guarded.js'
import { ERROR_TYPE } from './names.js'
import { spanTimeMs } from './span-clock.js'

/** An operation that runs. At its end, the payload is complete. */
export interface Running {
  readonly context: Context
  end(end: End): void
}

/** The end of an operation. */
export interface End {
  /** For the span. */
  readonly timeMs: number
  /** For the metric: the duration. */
  readonly seconds: number
}

interface Open {
  readonly running: Running
  readonly startMs: number
}

const MS_PER_SECOND = 1000

/**
 * Observes the operations of a diagnostics channel, and runs them in the context that `begin` returns. Undefined: the operation has no span.
 * The function that it returns ends that: new operations are not observed, and those that run still end their spans.
 */
export function observeOperations<Payload extends TracedPayload>(
  { start, asyncEnd }: TracingChannel,
  begin: (payload: Payload, startTime: number) => Running | undefined,
): () => void {
  const open = new WeakMap<object, Open>()
  let openCount = 0
  let isStopped = false
  const started = (message: unknown): void => {
    const payload = message as Payload
    const startMs = spanTimeMs()
    const running = guarded(() => begin(payload, startMs))
    if (running === undefined) return
    openCount += 1
    open.set(payload, { running, startMs })
    const { around } = payload
    payload.around = (work) => context.with(running.context, around === undefined ? work : () => around(work))
  }
  const ended = (message: unknown): void => {
    const found = open.get(message as object)
    if (found === undefined) return
    open.delete(message as object)
    openCount -= 1
    if (isStopped && openCount === 0) asyncEnd.unsubscribe(ended)
    guarded(() => found.running.end(endOf(found.startMs)))
  }
  start.subscribe(started)
  asyncEnd.subscribe(ended)
  return () => {
    isStopped = true
    start.unsubscribe(started)
    if (openCount === 0) asyncEnd.unsubscribe(ended)
  }
}

/** The end, now, of an operation. A clock that was set meanwhile makes no negative duration. */
export function endOf(startMs: number): End {
  const timeMs = Math.max(startMs, spanTimeMs())
  return { timeMs, seconds: (timeMs - startMs) / MS_PER_SECOND }
}

/** Why an operation counts as failed. */
export interface Fault {
  /** `error.type`: a status, a stable code, or the name of a class. */
  readonly type: string
  readonly message: string
}

/** Ends a span, with its fault if it has failed. `thrown`: the error has its stack here, so the span gets it as an event. */
export function endSpan(span: Span, timeMs: number, fault: Fault | undefined, thrown?: unknown): void {
  if (fault !== undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: fault.message })
    span.setAttribute(ERROR_TYPE, fault.type)
    if (thrown instanceof Error) span.recordException(thrown, timeMs)
  }
  span.end(timeMs)
}

/** Those of a metric: the ones of the span that have few values, and `error.type` of an operation that failed. */
export function metricAttributes(attributes: Attributes, fault: Fault | undefined): Attributes {
  return fault === undefined ? attributes : { ...attributes, [ERROR_TYPE]: fault.type }
}
