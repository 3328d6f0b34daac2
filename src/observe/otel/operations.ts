import type { TracingChannel } from 'node:diagnostics_channel'
import { type Attributes, type Context, context, type Span, SpanStatusCode } from '@opentelemetry/api'
import { nowMs } from '../../host.js'
import type { TracedPayload } from '../diagnostics-trace.js'
import { ERROR_TYPE } from './names.js'

/** An operation that runs. `end` gets its duration; then the payload is complete. */
export interface Running {
  readonly context: Context
  end(seconds: number): void
}

interface Open {
  readonly running: Running
  readonly startMs: number
}

export const MS_PER_SECOND = 1000

/**
 * Observes the operations of a diagnostics channel, and runs them in the context that `begin` returns. Undefined: the operation has no span.
 * The function that it returns ends that: new operations are not observed, and those that run still end their spans.
 */
export function observeOperations<Payload extends TracedPayload>(
  { start, asyncEnd }: TracingChannel,
  begin: (payload: Payload) => Running | undefined,
): () => void {
  // Weak, because an operation whose loop never begins has no end.
  const open = new WeakMap<object, Open>()
  let openCount = 0
  let isStopped = false
  const started = (message: unknown): void => {
    const payload = message as Payload
    const running = begin(payload)
    if (running === undefined) return
    openCount += 1
    open.set(payload, { running, startMs: nowMs() })
    const { around } = payload
    payload.around = (work) => context.with(running.context, around === undefined ? work : () => around(work))
  }
  const ended = (message: unknown): void => {
    const found = open.get(message as object)
    if (found === undefined) return
    open.delete(message as object)
    openCount -= 1
    if (isStopped && openCount === 0) asyncEnd.unsubscribe(ended)
    found.running.end((nowMs() - found.startMs) / MS_PER_SECOND)
  }
  start.subscribe(started)
  asyncEnd.subscribe(ended)
  return () => {
    isStopped = true
    start.unsubscribe(started)
    if (openCount === 0) asyncEnd.unsubscribe(ended)
  }
}

/** Why an operation counts as failed. */
export interface Fault {
  /** `error.type`: a status, a stable code, or the name of a class. */
  readonly type: string
  readonly message: string
}

/** Marks a span as failed. `thrown`: the error has its stack here, so the span gets it as an event. */
export function failSpan(span: Span, { type, message }: Fault, thrown?: unknown): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message })
  span.setAttribute(ERROR_TYPE, type)
  if (thrown instanceof Error) span.recordException(thrown)
}

/** Those of a metric: the ones of the span that have few values, and `error.type` of an operation that failed. */
export function metricAttributes(attributes: Attributes, fault: Fault | undefined): Attributes {
  return fault === undefined ? attributes : { ...attributes, [ERROR_TYPE]: fault.type }
}
