/** The conditions under which the page marks a process, a row or an edge. They are those of "alert on" in docs/observability.md. */
import type { Snapshot } from '../../observe/figures.js'
import { formatRate } from '../figures.js'
import { type KeyedRow, queueKey, type TopProcess, threadKey } from '../top/top-rows.js'

const LOOP_DELAY_MS = 250
const LOOP_PERCENT = 90
const DESCRIPTORS_SHARE = 0.8
/** Less is the rest of a batch, not a reader that is too slow. */
const LAG_MIN = 100

/** The meaning of a growing count of drops. */
const DROPS: Readonly<Record<string, string>> = {
  service: 'calls fail',
  topic: 'slow subscribers are disconnected',
  subscription: 'messages are lost',
  queue: 'dead jobs leave the queue',
  gateway: 'requests fail',
}

export function threadWarnings(
  figures: TopProcess,
  { process: { openDescriptors, maxDescriptors } }: Snapshot,
): string[] {
  const { loopDelayP99Ms = 0, loopPercent } = figures
  const warnings: string[] = []
  if (loopDelayP99Ms > LOOP_DELAY_MS) warnings.push(`event loop delay p99 ${Math.round(loopDelayP99Ms)} ms`)
  if (loopPercent > LOOP_PERCENT)
    warnings.push(`event loop busy for ${Math.round(loopPercent)} % of the time`)
  if (
    openDescriptors !== undefined &&
    maxDescriptors !== undefined &&
    openDescriptors > DESCRIPTORS_SHARE * maxDescriptors
  )
    warnings.push(`${openDescriptors} of ${maxDescriptors} file descriptors are open`)
  return warnings
}

export function rowWarning({ row, dropsPerSecond = 0 }: KeyedRow): string | undefined {
  const { kind, lag = 0, messagesPerSecond = 0 } = row
  if (dropsPerSecond > 0) return `${DROPS[kind] ?? 'drops'}: ${formatRate(dropsPerSecond)}`
  if (kind === 'subscription' && lag >= LAG_MIN && lag > messagesPerSecond)
    return `more than a second behind: ${lag} messages`
  return undefined
}

/** By the key of the row. */
export function queueWarnings({ id, queues }: Snapshot): Map<string, string> {
  const warnings = new Map<string, string>()
  for (const { address, name, waiting, workers, dead } of queues) {
    const key = threadKey(id, queueKey(address, name))
    if (waiting > 0 && workers === 0) warnings.set(key, `${waiting} jobs wait, and there is no worker`)
    else if (dead > 0) warnings.set(key, `${dead} dead jobs`)
  }
  return warnings
}
