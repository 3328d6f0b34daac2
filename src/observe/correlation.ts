import type { Channel, TracingChannel } from 'node:diagnostics_channel'
import {
  CORRELATION_ID,
  correlationIn,
  correlationOf,
  correlationStore,
  currentCorrelation,
  isCorrelationId,
  newCorrelation,
} from '../correlation.js'
import { invalid } from '../options.js'
import { addHeader, addMetadata } from './add-header.js'
import * as channels from './diagnostics-channels.js'
import type {
  ClientCallPayload,
  DeliveryPayload,
  GatewayRequestPayload,
  PublishPayload,
  PushPayload,
  ServiceCallPayload,
  TakePayload,
} from './diagnostics-payloads.js'

type Start<Payload> = Channel<string, Payload>

/** The calls of `enableCorrelation` that have not been stopped. */
let users = 0
let disable: (() => void) | undefined

/**
 * Gives each call, message, job and request of this process a correlation id: that of its headers, otherwise that of the operation which
 * makes it, otherwise a new one. The id travels as the header `x-correlation-id`. Returns a function that ends this.
 */
export function enableCorrelation(): () => void {
  users += 1
  disable ??= bindAll()
  let over = false
  return () => {
    if (over) return
    over = true
    users -= 1
    if (users > 0) return
    disable?.()
    disable = undefined
  }
}

/** The correlation id of the call, message, job or request that the calling code works for. Needs `enableCorrelation`. */
export function correlation(): string | undefined {
  return currentCorrelation()
}

/** Runs `work` with this id, for work that begins in this process. Throws `INVALID_ARGUMENT`. */
export function withCorrelation<T>(id: string, work: () => T): T {
  if (!isCorrelationId(id)) throw invalid('id', id, '1 to 128 visible ASCII characters')
  return correlationStore.run(id, work)
}

function bindAll(): () => void {
  const { clientCalls, clientStreams, serviceCalls, serviceStreams } = channels
  const { topicPublish, topicReceive, queuePush, queueTake, gatewayRequests } = channels
  const stops = [
    ...[clientCalls, clientStreams].map((calls) =>
      bindSender<ClientCallPayload>(
        calls,
        ({ metadata }) => correlationIn((name) => metadata.text(name)),
        ({ metadata }, id) => addMetadata(metadata, CORRELATION_ID, id),
      ),
    ),
    ...[topicPublish, queuePush].map((messages) =>
      bindSender<PublishPayload | PushPayload>(
        messages,
        ({ headers }) => correlationOf(headers),
        ({ headers }, id) => addHeader(headers, CORRELATION_ID, id),
      ),
    ),
    ...[serviceCalls, serviceStreams].map((calls) =>
      bind<ServiceCallPayload>(calls, ({ metadata }) => correlationIn((name) => metadata.text(name))),
    ),
    ...[topicReceive, queueTake].map((messages) =>
      bind<DeliveryPayload | TakePayload>(messages, ({ headers }) => correlationOf(headers)),
    ),
    bind<GatewayRequestPayload>(gatewayRequests, ({ correlationId }) => correlationId),
  ]
  return () => {
    for (const stop of stops) stop()
  }
}

/** An operation that another program has begun. Its context is not that of this process, so an id of the caller's context does not count. */
function bind<Payload>(
  { start }: TracingChannel,
  idOf: (payload: Payload) => string | undefined,
): () => void {
  const channel = start as unknown as Start<Payload>
  channel.bindStore(correlationStore, (payload) => idOf(payload) ?? newCorrelation())
  return () => channel.unbindStore(correlationStore)
}

/** An operation that this process begins, with headers that go to another one. */
function bindSender<Payload>(
  { start }: TracingChannel,
  idOf: (payload: Payload) => string | undefined,
  addId: (payload: Payload, id: string) => void,
): () => void {
  const channel = start as unknown as Start<Payload>
  channel.bindStore(correlationStore, (payload) => {
    const id = idOf(payload) ?? currentCorrelation() ?? newCorrelation()
    addId(payload, id)
    return id
  })
  return () => channel.unbindStore(correlationStore)
}
