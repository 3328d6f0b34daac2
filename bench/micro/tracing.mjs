// The cost of the spans and metrics of shmwire/otel for each call: node bench/micro/tracing.mjs
// Both sides are in this process, so a time contains the spans of the client and of the service. The modes take turns, so that other load on
// the machine slows all of them. Prints microseconds per call: the median of the rounds, with the quartiles.
import { cpus, loadavg, release, type } from 'node:os'
import { context, metrics, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } from '@opentelemetry/core'
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
  AlwaysOffSampler,
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base'
import { z } from 'zod'
import { client, contract, serve, unary } from '../../dist/index.js'
import { instrument } from '../../dist/observe/otel/index.js'
import { createChannelPair } from '../../dist/testing/index.js'

const ROUNDS = 60
const WARM_UP_ROUNDS = 10
const CALLS_OF_A_ROUND = 2_000

const Echo = contract('bench.Echo', { echo: unary({ input: z.unknown(), output: z.unknown() }) })
const [left, right] = createChannelPair()
await serve(right, { echo: (message) => message }, { contract: Echo })
const { echo } = await client(left, { contract: Echo })

const exporter = new InMemorySpanExporter()
const modes = {
  off: () => () => {},
  'no SDK': () => started(() => {}),
  'not sampled': () => started(() => register({ sampler: new AlwaysOffSampler() })),
  'recording spans': () => started(() => register({})),
  'recording spans and metrics': () =>
    started(() => {
      register({})
      const reader = new PeriodicExportingMetricReader({
        exporter: new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE),
        exportIntervalMillis: 2 ** 31 - 1,
      })
      metrics.setGlobalMeterProvider(new MeterProvider({ readers: [reader] }))
    }),
}

const times = new Map(Object.keys(modes).map((name) => [name, []]))
for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1)
  for (const [name, begin] of Object.entries(modes)) {
    const end = begin()
    const startMs = performance.now()
    for (let call = 0; call < CALLS_OF_A_ROUND; call += 1) await echo(call)
    const microseconds = ((performance.now() - startMs) * 1_000) / CALLS_OF_A_ROUND
    end()
    if (round >= 0) times.get(name).push(microseconds)
  }

const [{ model }] = cpus()
console.log(
  `${model.trim()}, ${type()} ${release()}, Node.js ${process.versions.node}, load ${loadavg()[0].toFixed(1)}`,
)
for (const [name, found] of times) {
  const sorted = found.toSorted((a, b) => a - b)
  const [low, median, high] = [0.25, 0.5, 0.75].map((part) => sorted[Math.floor(part * sorted.length)])
  console.log(`${name}: ${median.toFixed(1)} µs (${low.toFixed(1)} to ${high.toFixed(1)})`)
}
left.destroy()

function started(prepare) {
  prepare()
  const instrumentation = instrument()
  return () => {
    instrumentation.stop()
    for (const api of [trace, metrics, context, propagation]) api.disable()
    exporter.reset()
  }
}

function register(options) {
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)], ...options }),
  )
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(
    new CompositePropagator({
      propagators: [new W3CTraceContextPropagator(), new W3CBaggagePropagator()],
    }),
  )
}
