import { context } from '@opentelemetry/api'
import type { MessageInfo } from '../../messaging/topic/types.js'
import { isThenable } from '../../thenable.js'
import { faultOf } from './faults.js'
import { guarded } from './guarded.js'
import { startConsumer } from './messages.js'
import { endOf, endSpan, metricAttributes } from './operations.js'
import { spanTimeMs } from './span-clock.js'
import type { Telemetry } from './telemetry.js'

/** Runs the body of a loop in a span of the kind CONSUMER, until the promise that it returns is settled. */
export function processMessage<T>(telemetry: Telemetry, topic: string, info: MessageInfo, work: () => T): T {
  const { headers, epoch, sequence } = info
  const startTime = spanTimeMs()
  const operation = { name: 'process', place: topic, address: undefined, startTime } as const
  const id = `${epoch}-${sequence}`
  const consumer = guarded(() => startConsumer(telemetry, operation, headers, id))
  if (consumer === undefined) return work()
  const { span, own, common } = consumer
  const end = (failure?: { readonly error: unknown }): void => {
    const fault = failure === undefined ? undefined : faultOf(failure.error)
    const { timeMs, seconds } = endOf(startTime)
    guarded(() => {
      endSpan(span, timeMs, fault, failure?.error)
      telemetry.instruments.process.record(seconds, metricAttributes(common, fault), own)
    })
  }
  let result: T
  try {
    result = context.with(own, work)
  } catch (error) {
    end({ error })
    throw error
  }
  if (isThenable(result)) {
    result.then(
      () => end(),
      (error: unknown) => end({ error }),
    )
  } else end()
  return result
}
