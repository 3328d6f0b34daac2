import { type Attributes, type Context, context, type Span, SpanKind, trace } from '@opentelemetry/api'
import type { MessageHeaders } from '../../messaging/types.js'
import type { DeliveryPayload, PublishPayload, PushPayload, TakePayload } from '../diagnostics-payloads.js'
import { faultOf } from './faults.js'
import {
  MESSAGING_DESTINATION_NAME,
  MESSAGING_MESSAGE_BODY_SIZE,
  MESSAGING_MESSAGE_ID,
  MESSAGING_OPERATION_NAME,
  MESSAGING_OPERATION_TYPE,
  MESSAGING_SYSTEM,
  QUEUE_ATTEMPT,
  QUEUE_DUPLICATE,
  SHMWIRE,
  TOPIC_NO_ROOM,
} from './names.js'
import { endSpan, metricAttributes, type Running } from './operations.js'
import { serverOf } from './places.js'
import { contextOfHeaders, injectHeaders, linkTo } from './propagate.js'
import type { Telemetry } from './telemetry.js'

/** The names of operations, with their types. */
const TYPES = { send: 'send', request: 'send', receive: 'receive', process: 'process' } as const

interface Operation {
  readonly name: keyof typeof TYPES
  /** Of the topic or the queue; empty for the default name. */
  readonly place: string
  readonly address: string | undefined
  readonly startTime: number
}

interface Named {
  readonly spanName: string
  /** Of the span and of the metrics. */
  readonly common: Attributes
}

/** A message that is published: a span of the kind PRODUCER, whose context travels with the message. */
export function beginPublish(telemetry: Telemetry, payload: PublishPayload, startTime: number): Running {
  const { topic, address, headers } = payload
  return beginSend(telemetry, { name: 'send', place: topic, address, startTime }, payload, headers, () =>
    'error' in payload || payload.published ? {} : { [TOPIC_NO_ROOM]: true },
  )
}

/** A job that is pushed. That of a request ends with its result. */
export function beginPush(telemetry: Telemetry, payload: PushPayload, startTime: number): Running {
  const { queue, address, headers, waitsForResult } = payload
  const name = waitsForResult ? 'request' : 'send'
  return beginSend(telemetry, { name, place: queue, address, startTime }, payload, headers, () => ({
    ...(payload.id === undefined ? {} : { [MESSAGING_MESSAGE_ID]: payload.id }),
    ...(payload.duplicate ? { [QUEUE_DUPLICATE]: true } : {}),
  }))
}

/** A message of a subscription: its listeners run in a span of the kind CONSUMER. A loop only gets it. */
export function beginReceive(telemetry: Telemetry, payload: DeliveryPayload, startTime: number): Running {
  const { topic, address, headers, epoch, sequence, consumer } = payload
  const name = consumer === 'loop' ? 'receive' : 'process'
  const id = `${epoch}-${sequence}`
  return beginConsume(telemetry, { name, place: topic, address, startTime }, payload, headers, id)
}

/** A job whose handler runs: one span for each attempt. */
export function beginTake(telemetry: Telemetry, payload: TakePayload, startTime: number): Running {
  const { queue, address, headers, id, attempt } = payload
  const running = beginConsume(
    telemetry,
    { name: 'process', place: queue, address, startTime },
    payload,
    headers,
    id,
  )
  running.span.setAttribute(QUEUE_ATTEMPT, attempt)
  return running
}

interface SentPayload {
  readonly byteLength: number | undefined
  readonly error?: unknown
}

function beginSend(
  telemetry: Telemetry,
  operation: Operation,
  payload: SentPayload,
  headers: Record<string, string>,
  outcome: () => Attributes,
): Running {
  const { spanName, common } = namesOf(operation)
  const parent = context.active()
  // A program can have put another context into the message, which then stays.
  const links = linkTo(contextOfHeaders(headers))
  const span = telemetry.tracer.startSpan(
    spanName,
    { kind: SpanKind.PRODUCER, attributes: common, links, startTime: operation.startTime },
    parent,
  )
  const own = trace.setSpan(parent, span)
  if (links.length === 0) injectHeaders(own, headers)
  return {
    context: own,
    end({ timeMs, seconds }) {
      span.setAttributes(outcome())
      if (telemetry.capturesSizes && payload.byteLength !== undefined)
        span.setAttribute(MESSAGING_MESSAGE_BODY_SIZE, payload.byteLength)
      const fault = 'error' in payload ? faultOf(payload.error) : undefined
      endSpan(span, timeMs, fault)
      const { instruments } = telemetry
      const attributes = metricAttributes(common, fault)
      instruments.operation.record(seconds, attributes, own)
      instruments.sent.add(1, attributes, own)
    },
  }
}

interface ReceivedPayload {
  readonly byteLength: number
  readonly error?: unknown
}

function beginConsume(
  telemetry: Telemetry,
  operation: Operation,
  payload: ReceivedPayload,
  headers: MessageHeaders,
  id: string,
): ConsumerSpan & Running {
  const consumer = startConsumer(telemetry, operation, headers, id)
  const { span, own, common } = consumer
  if (telemetry.capturesSizes) span.setAttribute(MESSAGING_MESSAGE_BODY_SIZE, payload.byteLength)
  return {
    ...consumer,
    context: own,
    end({ timeMs, seconds }) {
      const fault = 'error' in payload ? faultOf(payload.error) : undefined
      endSpan(span, timeMs, fault, payload.error)
      const { instruments } = telemetry
      const duration = operation.name === 'receive' ? instruments.operation : instruments.process
      const attributes = metricAttributes(common, fault)
      duration.record(seconds, attributes, own)
      instruments.consumed.add(1, attributes, own)
    },
  }
}

export interface ConsumerSpan {
  readonly span: Span
  /** The context of the span. */
  readonly own: Context
  readonly common: Attributes
}

/** The span of a consumer, with a link to that of the producer. */
export function startConsumer(
  telemetry: Telemetry,
  operation: Operation,
  headers: MessageHeaders,
  id: string,
): ConsumerSpan {
  const { spanName, common } = namesOf(operation)
  const producer = contextOfHeaders(headers)
  const parent = telemetry.joinsProducer ? producer : trace.deleteSpan(producer)
  const kind = operation.name === 'receive' ? SpanKind.CLIENT : SpanKind.CONSUMER
  const attributes = { ...common, [MESSAGING_MESSAGE_ID]: id }
  const options = { kind, attributes, links: linkTo(producer), startTime: operation.startTime }
  const span = telemetry.tracer.startSpan(spanName, options, parent)
  return { span, own: trace.setSpan(parent, span), common }
}

function namesOf({ name, place, address }: Operation): Named {
  const destination = place === '' ? address : place
  const common: Attributes = {
    [MESSAGING_SYSTEM]: SHMWIRE,
    [MESSAGING_OPERATION_NAME]: name,
    [MESSAGING_OPERATION_TYPE]: TYPES[name],
    // That of an engine is the name of the topic or the queue.
    ...(place === address ? {} : serverOf(address)),
  }
  if (destination === undefined) return { spanName: name, common }
  common[MESSAGING_DESTINATION_NAME] = destination
  return { spanName: `${name} ${destination}`, common }
}
