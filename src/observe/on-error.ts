import type { TracingChannel } from 'node:diagnostics_channel'
import { correlationIn, correlationOf, currentCorrelation } from '../correlation.js'
import { ErrorCode, PASSING_CODES } from '../errors.js'
import { codeOf } from '../log/log.js'
import type { LogFields } from '../log/logger.js'
import { invalid } from '../options.js'
import * as channels from './diagnostics-channels.js'
import type { BackgroundErrorPayload, DiagnosticsPayloads } from './diagnostics-payloads.js'
import { isExpected, isExpectedAnswer } from './expected-error.js'

/** The diagnostics channels whose errors are reported. */
type Operations = Omit<
  DiagnosticsPayloads,
  'shmwire:channel.send' | 'shmwire:channel.receive' | 'shmwire:channel.fallback'
>

/** The name of a diagnostics channel without `shmwire:`. */
export type ErrorOperation =
  | 'accept'
  | 'background.error'
  | 'channel.peerGone'
  | 'client.call'
  | 'client.stream'
  | 'connect'
  | 'gateway.request'
  | 'queue.push'
  | 'queue.take'
  | 'service.call'
  | 'service.stream'
  | 'topic.publish'
  | 'topic.receive'

/** An error of this package, with its context. */
export interface ErrorReport {
  /** As the code threw it. */
  readonly error: unknown
  readonly operation: ErrorOperation
  /** An outcome that the caller or the peer must correct, such as NOT_FOUND, and not a fault: see docs/logs.md. */
  readonly expected: boolean
  /** Undefined: the operation has none. */
  readonly correlationId: string | undefined
  /** Where it failed, such as `service`, `method`, `queue` and `address`. Nothing secret. */
  readonly fields: LogFields
}

export type ErrorListener = (report: ErrorReport) => void

interface Context {
  readonly fields: Readonly<Record<string, unknown>>
  /** Undefined: that of the operation that runs now. Null: it belongs to none, although its code can run in the context of one. */
  readonly correlationId?: string | null | undefined
  readonly expected?: boolean
}

/** Calls that carry messages and jobs. The operations of those report the error, with the name of the topic or the queue, and their own ids. */
const CARRIER = /^shmwire\.(?:topic(?:\..+)?\/publish|queue(?:\..+)?\/(?:push|request))$/
/** An error can be the cause of others. */
const CAUSES_MAX = 8

/**
 * Calls the listener with each error of this package in this process, once. An error of the listener is an uncaught exception. Returns a
 * function that ends this.
 */
export function onError(listener: ErrorListener): () => void {
  if (typeof listener !== 'function') throw invalid('listener', listener, 'a function')
  const reports = new ErrorReports(listener)
  const stops = Object.entries(OPERATIONS).map(([name, [channel, contextOf]]) => {
    const observe = (message: unknown): void =>
      reports.add(name as ErrorOperation, (message as { readonly error: unknown }).error, () =>
        (contextOf as (payload: unknown) => Context | undefined)(message),
      )
    const errors = 'error' in channel ? channel.error : channel
    errors.subscribe(observe)
    return () => errors.unsubscribe(observe)
  })
  return () => {
    for (const stop of stops) stop()
  }
}

/** The first report of an error. */
interface Reported {
  /** The operation; of work in the background, the event. */
  readonly source: unknown
  readonly expected: boolean
}

class ErrorReports {
  readonly #listener: ErrorListener
  readonly #reported = new WeakMap<object, Reported>()

  constructor(listener: ErrorListener) {
    this.#listener = listener
  }

  add(operation: ErrorOperation, error: unknown, contextOf: () => Context | undefined): void {
    const context = contextOf()
    if (context === undefined) return
    const { fields, correlationId = currentCorrelation(), expected = isExpected(operation, error) } = context
    if (this.#hasPassed(error, { source: fields['event'] ?? operation, expected })) return
    this.#listener({
      error,
      operation,
      expected,
      correlationId: correlationId ?? undefined,
      fields: definedFields(fields),
    })
  }

  /**
   * Whether the error is that of another operation, which has passed it on: a call of a handler fails, and then the call that it answers. A fault
   * after an expected error counts again. An error that a program keeps and throws again counts in each operation of the same kind.
   */
  #hasPassed(error: unknown, report: Reported): boolean {
    let cause = error
    for (let depth = 0; depth < CAUSES_MAX && typeof cause === 'object' && cause !== null; depth += 1) {
      const before = this.#reported.get(cause)
      const isOther = before !== undefined && before.source !== report.source
      if (isOther && (!before.expected || report.expected)) return true
      cause = causeOf(cause)
    }
    if (typeof error === 'object' && error !== null) this.#reported.set(error, report)
    return false
  }
}

type Contexts = {
  readonly [Name in ErrorOperation]: readonly [
    channel: TracingChannel | typeof channels.channelPeerGone,
    /** Undefined: not reported. */
    contextOf: (payload: Operations[`shmwire:${Name}`]) => Context | undefined,
  ]
}

const OPERATIONS: Contexts = {
  connect: [
    channels.connects,
    ({ address, attempt = 1, error }) => {
      // A connector makes attempts until the server is back; the first one is reported.
      const repeats = attempt > 1 && PASSING_CODES.has(codeOf(error))
      return repeats ? undefined : { fields: { address, attempt } }
    },
  ],
  accept: [
    channels.accepts,
    // A client that goes may only have checked that the server listens; on Windows, each client does this.
    ({ address, error }) =>
      codeOf(error) === ErrorCode.PEER_GONE ? undefined : { fields: { address }, correlationId: null },
  ],
  'channel.peerGone': [
    channels.channelPeerGone,
    ({ channel }) => ({
      fields: { transport: channel.transport, peerPid: channel.peer.pid },
      correlationId: null,
    }),
  ],
  'background.error': [channels.backgroundErrors, backgroundContext],
  'client.call': [
    channels.clientCalls,
    (payload) => (CARRIER.test(`${payload.service}/${payload.method}`) ? undefined : callContext(payload)),
  ],
  'client.stream': [channels.clientStreams, callContext],
  'service.call': [channels.serviceCalls, callContext],
  'service.stream': [channels.serviceStreams, callContext],
  'topic.publish': [
    channels.topicPublish,
    ({ address, topic, headers }) => ({ fields: { address, topic }, correlationId: correlationOf(headers) }),
  ],
  'topic.receive': [
    channels.topicReceive,
    ({ address, topic, sequence, headers }) => ({
      fields: { address, topic, sequence },
      correlationId: correlationOf(headers),
    }),
  ],
  'queue.push': [
    channels.queuePush,
    ({ address, queue, id, headers }) => ({
      fields: { address, queue, jobId: id },
      correlationId: correlationOf(headers),
    }),
  ],
  'queue.take': [
    channels.queueTake,
    ({ address, queue, id, attempt, attempts, headers }) => ({
      fields: { address, queue, jobId: id, attempt, attempts },
      correlationId: correlationOf(headers),
    }),
  ],
  'gateway.request': [
    channels.gatewayRequests,
    ({ gateway, httpMethod, path, route, service, method, statusCode, grpcStatus, ...rest }) => ({
      fields: { gateway, httpMethod, path, route, service, method, statusCode, grpcStatus },
      correlationId: rest.correlationId,
      expected: isExpectedAnswer(rest.error, statusCode, grpcStatus),
    }),
  ],
}

function callContext(
  payload: Operations['shmwire:client.call'] | Operations['shmwire:service.call'],
): Context {
  const { service, method, metadata } = payload
  const address = 'address' in payload ? payload.address : undefined
  return {
    fields: { address, service, method },
    correlationId: correlationIn((name) => metadata.text(name)),
  }
}

function backgroundContext({ event, fields }: BackgroundErrorPayload): Context {
  const { correlationId, ...rest } = fields
  return {
    fields: { event, ...rest },
    // Its line has that of the operation that ran.
    correlationId: typeof correlationId === 'string' ? correlationId : null,
    expected: false,
  }
}

function definedFields(fields: Readonly<Record<string, unknown>>): LogFields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as LogFields
}

/** The accessors of a thrown value can throw. */
function causeOf(error: object): unknown {
  try {
    return (error as { readonly cause?: unknown }).cause
  } catch {
    return undefined
  }
}
