import type { Channel } from '../../channel/channel.js'
import { waitWithin } from '../../deadline.js'
import { nowMs } from '../../host.js'
import type { WaitOptions } from '../../options.js'
import { Purpose } from './protocol.js'

const NANOS_PER_MS = 1e6
const MS_PER_SECOND = 1000
/** More than a second of the fastest round trips; the rest is not recorded. */
const SAMPLES_MAX = 2 ** 21
/** Between two checks of the clock. */
const BURST = 64

export interface Measurement extends WaitOptions {
  readonly durationMs: number
  /** At least 1. */
  readonly messageBytes: number
}

export interface RoundTrips {
  readonly count: number
  readonly medianNanos: number
  readonly p99Nanos: number
}

/** Sends one message after the other, each after the echo of the last one. Rejects with `TIMEOUT`, `PEER_GONE` and other errors of the channel. */
export async function measureRoundTrips(channel: Channel, measurement: Measurement): Promise<RoundTrips> {
  const { durationMs, messageBytes, signal, timeoutMs } = measurement
  const message = Buffer.alloc(messageBytes, Purpose.ECHO)
  const samples = new Float64Array(SAMPLES_MAX)
  let count = 0
  await waitWithin({ signal, timeoutMs }, 'the echo of a message', (resolve, reject) => {
    const endMs = nowMs() + durationMs
    let sentMs = 0
    const settle = (error: Error | undefined): void => {
      channel.off('message', onEcho)
      channel.off('close', onClose)
      if (error === undefined) resolve(undefined)
      else reject(error)
    }
    const onClose = (error: Error | undefined): void => settle(error ?? new Error('the channel has closed'))
    const onEcho = (): void => {
      const now = nowMs()
      samples[count] = now - sentMs
      count += 1
      if (now >= endMs || count === SAMPLES_MAX) settle(undefined)
      else send()
    }
    const send = (): void => {
      sentMs = nowMs()
      try {
        if (!channel.trySend(message)) settle(new Error('the channel has no room for one message'))
      } catch (error) {
        settle(error as Error)
      }
    }
    channel.on('message', onEcho)
    channel.on('close', onClose)
    send()
    return () => settle(undefined)
  })
  const sorted = samples.subarray(0, count).toSorted()
  return { count, medianNanos: quantile(sorted, 0.5), p99Nanos: quantile(sorted, 0.99) }
}

function quantile(sorted: Float64Array, share: number): number {
  const index = Math.min(sorted.length - 1, Math.floor(sorted.length * share))
  return Math.round((sorted[index] ?? 0) * NANOS_PER_MS)
}

/** Sends as many messages as the other process takes, and returns how many arrived in a second. Rejects like `measureRoundTrips`. */
export async function measureOneWay(channel: Channel, measurement: Measurement): Promise<number> {
  const { durationMs, messageBytes, signal, timeoutMs } = measurement
  const message = Buffer.alloc(messageBytes, Purpose.COUNT)
  const before = await countOf(channel, { signal, timeoutMs })
  const startMs = nowMs()
  const endMs = startMs + durationMs
  while (nowMs() < endMs) {
    for (let sent = 0; sent < BURST; sent += 1)
      if (!channel.trySend(message)) await channel.send(message, { signal, timeoutMs })
  }
  // The answer comes after all messages.
  const after = await countOf(channel, { signal, timeoutMs })
  return ((after - before) / (nowMs() - startMs)) * MS_PER_SECOND
}

async function countOf(channel: Channel, bounds: WaitOptions): Promise<number> {
  const reply: Buffer = await channel.request(Buffer.of(Purpose.COUNT), bounds)
  return Number(reply.toString())
}
