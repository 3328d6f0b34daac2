// Runs the jobs of the queue. The span of the program itself is a part of the trace, too.
import { setTimeout as sleep } from 'node:timers/promises'
import { trace } from '@opentelemetry/api'
import { work } from 'shmwire'
import { runUntilStopped, startTelemetry } from './telemetry.mjs'

startTelemetry('worker')
const [, , queueAddress] = process.argv.slice(2)
const tracer = trace.getTracer('shop')

/** With fractions: without a time, the SDK begins spans at a whole millisecond, which can be before that of shmwire. */
const timeMs = () => performance.timeOrigin + performance.now()

const worker = await work(queueAddress, ({ item }) =>
  tracer.startActiveSpan('print label', { startTime: timeMs() }, async (span) => {
    await sleep(2)
    span.end(timeMs())
    return `label of ${item}`
  }),
)
runUntilStopped(queueAddress, () => worker.close())
