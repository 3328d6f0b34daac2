import {
  type Context,
  context,
  diag,
  propagation,
  ROOT_CONTEXT,
  type SpanContext,
  type TextMapGetter,
  trace,
} from '@opentelemetry/api'
import { checkHeaders } from '../../messaging/headers.js'
import { checkMetadata, type Metadata } from '../../service/call/metadata.js'

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
  return propagation.extract(ROOT_CONTEXT, metadata, metadataGetter)
}

/** The same for a message, a job or a request of HTTP. */
export function contextOfHeaders(headers: HttpHeaders): Context {
  return propagation.extract(ROOT_CONTEXT, headers, headersGetter)
}

/** Adds a context to the headers of a call. A field that does not fit is left out: tracing must not make a call fail. */
export function injectMetadata(from: Context, metadata: Metadata): void {
  const fields = fieldsOf(from)
  if (fields.length > 0) dropPassedOn(metadata)
  for (const [name, value] of fields) {
    const before = metadata.get(name)
    const undo = (): unknown => (before === undefined ? metadata.delete(name) : metadata.set(name, before))
    addField(name, () => checkMetadata(metadata.set(name, value)), undo)
  }
}

/** A call that passes on the headers of another one has those of its trace. They must not mix. Baggage is not of a trace. */
function dropPassedOn(metadata: Metadata): void {
  for (const name of propagation.fields()) if (name !== BAGGAGE) metadata.delete(name)
}

/** Adds a context to the headers of a message or a job, in the same way. */
export function injectHeaders(from: Context, headers: Headers): void {
  for (const [name, value] of fieldsOf(from)) {
    const before = headers[name]
    const set = (text: string): Headers => Object.assign(headers, { [name]: text })
    const undo = (): unknown => (before === undefined ? delete headers[name] : set(before))
    addField(name, () => checkHeaders(set(value)), undo)
  }
}

function fieldsOf(from: Context): [name: string, value: string][] {
  const fields: Headers = {}
  propagation.inject(from, fields)
  return Object.entries(fields)
}

function addField(name: string, add: () => void, undo: () => unknown): void {
  try {
    add()
  } catch (error) {
    undo()
    diag.warn(`shmwire: the field ${name} of a trace does not travel: ${(error as Error).message}`)
  }
}

/** The context of a new span of a client: that of the program, or else the one of headers that it passes on. */
export function activeOr(passedOn: () => Context): Context {
  const active = context.active()
  if (trace.getSpanContext(active) !== undefined) return active
  const passed = trace.getSpan(passedOn())
  return passed === undefined ? active : trace.setSpan(active, passed)
}

/**
 * The context of a request of a gateway: the active span, if another instrumentation has one for this request, or that of the headers. The active
 * span is another one if its trace differs from that of the headers, or if it has ended: the program can have started the gateway in it.
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
  return hasEnded || isOther ? { parent: remote, isNested: false } : { parent: active, isNested: true }
}

/** The span that a context states, for a link to it. */
export function linkTo(from: Context): { context: SpanContext }[] {
  const found = trace.getSpanContext(from)
  return found === undefined || !trace.isSpanContextValid(found) ? [] : [{ context: found }]
}
