import { context, type MeterProvider, type TracerProvider, trace } from '@opentelemetry/api'
import type { MessageInfo } from '../../messaging/topic/types.js'
import { booleanOption, checkOptionNames, invalid, wrongTime } from '../../options.js'
import {
  channelFallback,
  clientCalls,
  clientStreams,
  gatewayRequests,
  queuePush,
  queueTake,
  serviceCalls,
  serviceStreams,
  topicPublish,
  topicReceive,
} from '../diagnostics-channels.js'
import type { FallbackPayload } from '../diagnostics-payloads.js'
import { beginClientCall, beginServiceCall } from './calls.js'
import { beginGatewayRequest } from './gateway-requests.js'
import { processMessage } from './loop-messages.js'
import { beginPublish, beginPush, beginReceive, beginTake } from './messages.js'
import { FALLBACK_EVENT, FALLBACK_REASON } from './names.js'
import { observeOperations } from './operations.js'
import { Telemetry } from './telemetry.js'

export interface InstrumentOptions {
  /** Gets the spans. Default: the global provider, also one that is registered later. */
  tracerProvider?: TracerProvider | undefined
  /** Gets the metrics. Default: the global provider, also one that is registered later. */
  meterProvider?: MeterProvider | undefined
  /**
   * The parent of the span of a consumer. `'producer'`: the span that has sent the message or the job. `'none'`: each message begins a trace. Both have
   * a link to the producer. Default `'producer'`.
   */
  consumerParent?: 'producer' | 'none' | undefined
  /** Spans of messages and jobs state their length. Default false. */
  messageSizes?: boolean | undefined
}

/** The instrumentation of this thread. */
export interface Instrumentation {
  /**
   * Runs the body of a loop over a topic in a span of its own, which continues the trace of the message. A promise that `work` returns ends it.
   * `topic` is the name that the span states.
   */
  process<T>(topic: string, info: MessageInfo, work: () => T): T
  /** New operations have no spans and metrics. Those that run still end theirs. */
  stop(): void
  [Symbol.dispose](): void
}

const OPTION_NAMES = ['tracerProvider', 'meterProvider', 'consumerParent', 'messageSizes']
const PARENTS: readonly unknown[] = ['producer', 'none']

let isInstrumented = false

/** Makes spans and metrics of the calls, messages, jobs and requests of this thread. Throws `INVALID_STATE` if another one does. */
export function instrument(options: InstrumentOptions = {}): Instrumentation {
  const telemetry = telemetryOf(options)
  if (isInstrumented)
    throw wrongTime('this thread is instrumented already; call stop() of the other one first')
  isInstrumented = true
  const stops = observeAll(telemetry)
  let isStopped = false
  const stop = (): void => {
    if (isStopped) return
    isStopped = true
    isInstrumented = false
    for (const each of stops) each()
  }
  return {
    process: (topic, info, work) => (isStopped ? work() : processMessage(telemetry, topic, info, work)),
    stop,
    [Symbol.dispose]: stop,
  }
}

function telemetryOf(options: InstrumentOptions): Telemetry {
  checkOptionNames(options, OPTION_NAMES)
  const { tracerProvider, meterProvider, consumerParent = 'producer', messageSizes } = options
  if (!PARENTS.includes(consumerParent))
    throw invalid('consumerParent', consumerParent, `'producer' or 'none'`)
  if (tracerProvider !== undefined && typeof tracerProvider?.getTracer !== 'function')
    throw invalid('tracerProvider', tracerProvider, 'a TracerProvider of @opentelemetry/api')
  if (meterProvider !== undefined && typeof meterProvider?.getMeter !== 'function')
    throw invalid('meterProvider', meterProvider, 'a MeterProvider of @opentelemetry/api')
  return new Telemetry(tracerProvider, meterProvider, {
    joinsProducer: consumerParent === 'producer',
    capturesSizes: booleanOption('messageSizes', messageSizes),
  })
}

/** Returns the functions that end it. */
function observeAll(telemetry: Telemetry): (() => void)[] {
  channelFallback.subscribe(addFallback)
  return [
    () => channelFallback.unsubscribe(addFallback),
    observeOperations(clientCalls, beginClientCall.bind(undefined, telemetry)),
    observeOperations(clientStreams, beginClientCall.bind(undefined, telemetry)),
    observeOperations(serviceCalls, beginServiceCall.bind(undefined, telemetry)),
    observeOperations(serviceStreams, beginServiceCall.bind(undefined, telemetry)),
    observeOperations(topicPublish, beginPublish.bind(undefined, telemetry)),
    observeOperations(topicReceive, beginReceive.bind(undefined, telemetry)),
    observeOperations(queuePush, beginPush.bind(undefined, telemetry)),
    observeOperations(queueTake, beginTake.bind(undefined, telemetry)),
    observeOperations(gatewayRequests, beginGatewayRequest.bind(undefined, telemetry)),
  ]
}

/** A span that waits for a new channel states why the channel does not use shared memory. */
function addFallback(message: unknown): void {
  const { reason } = message as FallbackPayload
  const span = trace.getSpan(context.active())
  if (span?.isRecording() === true) span.addEvent(FALLBACK_EVENT, { [FALLBACK_REASON]: reason })
}
