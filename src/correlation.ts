import { AsyncLocalStorage } from 'node:async_hooks'
import { randomUUID } from 'node:crypto'

/** The header of calls, messages, jobs and requests that has the correlation id. */
export const CORRELATION_ID = 'x-correlation-id'
export const REQUEST_ID = 'x-request-id'

/** Visible ASCII characters: the id becomes a header and a part of logs. */
const FORM = /^[\x21-\x7e]{1,128}$/
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/

const current = new AsyncLocalStorage<string>()

/** The id of the operation that runs now. Only operations of a process that has called `enableCorrelation` have one. */
export function currentCorrelation(): string | undefined {
  return current.getStore()
}

/** Holds the id; for `start.bindStore` of a tracing channel. */
export const correlationStore = current

export function isCorrelationId(value: unknown): value is string {
  return typeof value === 'string' && FORM.test(value)
}

/** The id that headers have: `x-correlation-id`, otherwise the trace id of `traceparent`. `read` returns the value of a header. */
export function correlationIn(read: (name: string) => unknown): string | undefined {
  const stated = read(CORRELATION_ID)
  return isCorrelationId(stated) ? stated : traceIdOf(read('traceparent'))
}

/** Like `correlationIn`, for headers of messages and of HTTP. */
export function correlationOf(headers: Readonly<Record<string, unknown>> | undefined): string | undefined {
  return headers === undefined ? undefined : correlationIn((name) => headers[name])
}

/** The id of a request of HTTP, whose proxies often state `x-request-id`. */
export function requestCorrelation(headers: Readonly<Record<string, unknown>>): string | undefined {
  const id = correlationOf(headers)
  if (id !== undefined) return id
  const requestId = headers[REQUEST_ID]
  return isCorrelationId(requestId) ? requestId : undefined
}

export function newCorrelation(): string {
  return randomUUID()
}

function traceIdOf(traceparent: unknown): string | undefined {
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined
}
