import { context } from '@opentelemetry/api'
import { nowMs } from '../../host.js'
import type { MessageInfo } from '../../messaging/topic/types.js'
import { isThenable } from '../../thenable.js'
import { faultOf } from './faults.js'
import { startConsumer } from './messages.js'
import { failSpan, MS_PER_SECOND, metricAttributes } from './operations.js'
import type { Telemetry } from './telemetry.js'

/** Runs the body of a loop in a span of the kind CONSUMER, until the promise that it returns is settled. */
export function processMessage<T>(telemetry: Telemetry, topic: string, info: MessageInfo, work: () => T): T {
  const { headers, epoch, sequence } = info
  const operation = { name: 'process', place: topic, address: undefined } as const
  const { span, own, common } = startConsumer(telemetry, operation, headers, `${epoch}-${sequence}`)
  const startMs = nowMs()
  const end = (failure?: { readonly error: unknown }): void => {
    const fault = failure === undefined ? undefined : faultOf(failure.error)
    if (fault !== undefined) failSpan(span, fault, failure?.error)
    span.end()
    const seconds = (nowMs() - startMs) / MS_PER_SECOND
    telemetry.instruments.process.record(seconds, metricAttributes(common, fault), own)
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
