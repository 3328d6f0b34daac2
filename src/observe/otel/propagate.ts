import {
  type Context,
  context,
  diag,
  propagation,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import type { Metadata } from '../../service/call/metadata.js'
import { addHeader, addMetadata } from '../add-header.js'
import { guarded } from './guarded.js'

type Headers = Record<string, string>

/** The header of W3C Baggage. */
const BAGGAGE = 'baggage'
type HttpHeaders = Readonly<Record<string, string | readonly string[] | undefined>>

const metadataGetter: TextMapGetter<Metadata> = {
  keys: (metadata) => [...metadata].map(([name]) => name),
  get: (metadata, name) => metadata.text(name),
}

const headersGetter: TextMapGetter<HttpHeaders> = {
  keys: (headers) => Object.keys(headers),
  // Those of HTTP are in lower case.
  get: (headers, name) => (headers[name] ?? headers[name.toLowerCase()]) as string | string[] | undefined,
}

/** The context that the headers of a call state, and nothing of this process. */
export function contextOfMetadata(metadata: Metadata): Context {
  return guarded(() => propagation.extract(ROOT_CONTEXT, metadata, metadataGetter)) ?? ROOT_CONTEXT
}

/** The same for a message, a job or a request of HTTP. */
export function contextOfHeaders(headers: HttpHeaders): Context {
  return guarded(() => propagation.extract(ROOT_CONTEXT, headers, headersGetter)) ?? ROOT_CONTEXT
}

/** Adds a context to the headers of a call. */
export function injectMetadata(from: Context, metadata: Metadata): void {
  const { fields, names } = fieldsOf(from)
  // A call that passes on the headers of another one has those of its trace. They must not mix. Baggage is not of a trace.
  if (fields.length > 0) for (const name of names) if (name !== BAGGAGE) metadata.delete(name)
  for (const [name, value] of fields) warnOf(name, addMetadata(metadata, name, value))
}

/** Adds a context to the headers of a message or a job. */
export function injectHeaders(from: Context, headers: Headers): void {
  for (const [name, value] of fieldsOf(from).fields) warnOf(name, addHeader(headers, name, value))
}

interface Fields {
  readonly fields: readonly [name: string, value: string][]
  /** Of all fields that the propagator can write. */
  readonly names: readonly string[]
}

/** A propagator that fails adds nothing. */
function fieldsOf(from: Context): Fields {
  const found = guarded((): Fields => {
    const fields: Headers = {}
    propagation.inject(from, fields)
    return { fields: Object.entries(fields), names: propagation.fields() }
  })
  return found ?? { fields: [], names: [] }
}

function warnOf(name: string, error: unknown): void {
  if (error !== undefined)
    diag.warn(`shmwire: the field ${name} of a trace does not travel: ${(error as Error).message}`)
}

/** The context of a new span of a client: that of the program, or else the one of headers that it passes on. */
export function activeOr(passedOn: () => Context): Context {
  const active = context.active()
  if (trace.getSpanContext(active) !== undefined) return active
  const passed = trace.getSpan(passedOn())
  return passed === undefined ? active : trace.setSpan(active, passed)
}

/** The active spans of the requests so far. */
const requestSpans = new WeakSet<Span>()

/**
 * The context of a request of a gateway: the active span, if another instrumentation has one for this request, or that of the headers. The program
 * can also have started the gateway in the active span. It is such a span if its trace differs from that of the headers, if it has ended, or if it
 * was the one of another request.
 */
export function requestContext(headers: HttpHeaders): {
  readonly parent: Context
  readonly isNested: boolean
} {
  const remote = contextOfHeaders(headers)
  const active = context.active()
  const span = trace.getSpan(active)
  if (span === undefined) return { parent: remote, isNested: false }
  const { traceId, traceFlags } = span.spanContext()
  const stated = trace.getSpanContext(remote)
  const hasEnded = traceFlags % 2 === 1 && !span.isRecording()
  const isOther = stated !== undefined && stated.traceId !== traceId
  const isNested = !hasEnded && !isOther && !requestSpans.has(span)
  requestSpans.add(span)
  return { parent: isNested ? active : remote, isNested }
}

/** The span that a context states, for a link to it. */
export function linkTo(from: Context): { context: SpanContext }[] {
  const found = trace.getSpanContext(from)
  return found === undefined || !trace.isSpanContextValid(found) ? [] : [{ context: found }]
}
