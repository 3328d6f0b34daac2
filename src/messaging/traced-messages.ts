import { queuePush, queueTake, topicPublish, topicReceive } from '../observe/diagnostics-channels.js'
import type {
  DeliveryPayload,
  PublishPayload,
  PushPayload,
  TakePayload,
} from '../observe/diagnostics-payloads.js'
import { settledBy, Trace } from '../observe/diagnostics-trace.js'
import { addressOf, type ClientTarget } from '../service/client-connection.js'
import type { JobContext, PushedJob, PushOptions } from './queue/types.js'
import type { TopicItem } from './topic/topic-messages.js'
import type { PublishOptions } from './topic/types.js'

/** The topic or the queue of a payload. */
export interface Place {
  /** Undefined: the program has passed a channel. */
  readonly address: string | undefined
  /** The option `name`; of an engine, the name of the topic or the queue. */
  readonly name: string
}

/** The place that a client uses. */
export function placeOf(target: ClientTarget, name = ''): Place {
  return { address: addressOf(target), name }
}

/** Publishes a message with the headers that subscribers of the diagnostics channel have added. `publish` completes the payload. */
export function tracedPublish<Options extends PublishOptions>(
  place: Place,
  options: Options | undefined,
  publish: (options: Options | undefined, payload: PublishPayload) => Promise<void>,
): Promise<void> {
  const { trace, changed } = publishTrace(place, options)
  const { payload } = trace
  return trace.begin(() =>
    settledBy(
      trace,
      publish(changed(), payload).then(() => {
        payload.published = true
      }),
    ),
  )
}

/** Like `tracedPublish`, for `tryPublish`. */
export function tracedTryPublish(
  place: Place,
  options: PublishOptions | undefined,
  publish: (options: PublishOptions | undefined, payload: PublishPayload) => boolean,
): boolean {
  const { trace, changed } = publishTrace(place, options)
  const { payload } = trace
  return trace.begin(() => {
    payload.published = publish(changed(), payload)
    trace.settle()
    return payload.published
  })
}

/** Passes a message to the listeners of a subscription, or, with `'loop'`, reports it. */
export function tracedDelivery<T>(
  { address, name: topic }: Place,
  [, { key, headers, epoch, sequence }, byteLength]: TopicItem,
  consumer: DeliveryPayload['consumer'],
  deliver: () => T,
): T {
  const payload: DeliveryPayload = { address, topic, key, headers, epoch, sequence, byteLength, consumer }
  const trace = new Trace(topicReceive, payload)
  return trace.begin(() => {
    const result = deliver()
    trace.settle()
    return result
  })
}

/** Pushes a job with the headers that subscribers of the diagnostics channel have added. `push` completes the payload. */
export function tracedPush<T>(
  { address, name: queue }: Place,
  options: PushOptions | undefined,
  waitsForResult: boolean,
  push: (options: PushOptions | undefined, payload: PushPayload) => Promise<T>,
): Promise<T> {
  const { headers, isValid } = headersOf(options)
  const { id, key } = options ?? {}
  const rest = { byteLength: undefined, waitsForResult, duplicate: false }
  const payload: PushPayload = { address, queue, id, key, headers, ...rest }
  const trace = new Trace(queuePush, payload)
  return trace.begin(() =>
    settledBy(
      trace,
      push(isValid ? { ...options, headers } : options, payload).then((result) => {
        if (!waitsForResult) payload.duplicate = (result as PushedJob).duplicate
        return result
      }),
    ),
  )
}

/** The trace of a job of this worker. The caller begins and ends it. */
export function takeTrace({ address, name: queue }: Place, job: JobContext, byteLength: number): Trace {
  const { id, attempt, attempts, key, headers } = job
  const payload: TakePayload = { address, queue, id, attempt, attempts, key, headers, byteLength }
  return new Trace(queueTake, payload)
}

interface PublishTrace<Options> {
  readonly trace: Trace<PublishPayload>
  /** The options with the headers of the payload. */
  readonly changed: () => Options | undefined
}

function publishTrace<Options extends PublishOptions>(
  { address, name: topic }: Place,
  options: Options | undefined,
): PublishTrace<Options> {
  const { headers, isValid } = headersOf(options)
  const { key } = options ?? {}
  const rest = { byteLength: undefined, published: false }
  const trace = new Trace<PublishPayload>(topicPublish, { address, topic, key, headers, ...rest })
  const changed = (): Options | undefined => (isValid ? ({ ...options, headers } as Options) : options)
  return { trace, changed }
}

/** A copy, so that the object of the program stays as it is. Not valid: the call of the program reports it. */
function headersOf(options: PublishOptions | undefined): {
  readonly headers: Record<string, string>
  readonly isValid: boolean
} {
  const isObject = options === undefined || (typeof options === 'object' && options !== null)
  const { headers } = isObject ? (options ?? {}) : { headers: undefined }
  const isValid = isObject && (headers === undefined || (typeof headers === 'object' && headers !== null))
  return { headers: isValid ? { ...headers } : {}, isValid }
}
