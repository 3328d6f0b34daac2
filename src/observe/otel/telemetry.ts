import {
  type Histogram,
  type Meter,
  type MeterProvider,
  metrics,
  type Tracer,
  type TracerProvider,
  trace,
} from '@opentelemetry/api'

/** The name and the version of the instrumentation scope. A test compares the version with that of the package. */
export const SCOPE_NAME = 'shmwire'
export const SCOPE_VERSION = '0.1.0'

/** The buckets that the conventions advise for durations in seconds. */
const SECONDS_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]

/** The instruments of one meter. */
export type Instruments = ReturnType<typeof createInstruments>

/** Which providers the spans and metrics go to, and the options of a program. */
export class Telemetry {
  readonly #tracerProvider: TracerProvider | undefined
  readonly #meterProvider: MeterProvider | undefined
  /** The spans of consumers are children of those of producers. */
  readonly joinsProducer: boolean
  readonly capturesSizes: boolean
  #tracerOf: TracerProvider | undefined
  #tracer: Tracer | undefined
  #instrumentsOf: MeterProvider | undefined
  #instruments: Instruments | undefined

  constructor(
    tracerProvider: TracerProvider | undefined,
    meterProvider: MeterProvider | undefined,
    { joinsProducer, capturesSizes }: Pick<Telemetry, 'joinsProducer' | 'capturesSizes'>,
  ) {
    this.#tracerProvider = tracerProvider
    this.#meterProvider = meterProvider
    this.joinsProducer = joinsProducer
    this.capturesSizes = capturesSizes
  }

  /** A program can register its global provider later, or another one. */
  get tracer(): Tracer {
    const provider = this.#tracerProvider ?? trace.getTracerProvider()
    if (this.#tracer === undefined || this.#tracerOf !== provider) {
      this.#tracerOf = provider
      this.#tracer = provider.getTracer(SCOPE_NAME, SCOPE_VERSION)
    }
    return this.#tracer
  }

  /** The API has no proxy for meters: those of a provider that is registered later are other ones. */
  get instruments(): Instruments {
    const provider = this.#meterProvider ?? metrics.getMeterProvider()
    if (this.#instruments === undefined || this.#instrumentsOf !== provider) {
      this.#instrumentsOf = provider
      this.#instruments = createInstruments(provider.getMeter(SCOPE_NAME, SCOPE_VERSION))
    }
    return this.#instruments
  }
}

function createInstruments(meter: Meter) {
  const seconds = (name: string, description: string): Histogram =>
    meter.createHistogram(name, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: SECONDS_BUCKETS },
    })
  const messages = { unit: '{message}' }
  return {
    clientCall: seconds('rpc.client.call.duration', 'Duration of an outgoing call.'),
    serverCall: seconds('rpc.server.call.duration', 'Duration of an incoming call.'),
    serverRequest: seconds('http.server.request.duration', 'Duration of a request of HTTP.'),
    operation: seconds('messaging.client.operation.duration', 'Duration of sending or receiving a message.'),
    process: seconds('messaging.process.duration', 'Duration of processing a message.'),
    sent: meter.createCounter('messaging.client.sent.messages', {
      ...messages,
      description: 'Number of messages that the producer has tried to send.',
    }),
    consumed: meter.createCounter('messaging.client.consumed.messages', {
      ...messages,
      description: 'Number of messages that were delivered to the program.',
    }),
  }
}
