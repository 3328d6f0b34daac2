import type { TransportChoice } from '../../options.js'
import { type Measurement, measureOneWay, measureRoundTrips, type RoundTrips } from '../peer/measure.js'
import type { PeerProcess } from '../peer/peer-process.js'

/** For the compiler of the runtime, and the memory of both sides. */
const WARM_UP_MS = 150

/** The figures of one carrier of messages. */
export interface Carrier {
  readonly transport: string
  readonly fallbackReason: string | undefined
  readonly roundTrip: RoundTrips
  /** Messages that arrived in a second. */
  readonly oneWayPerSecond: number
  /** Round trips of messages that are sixteen times as long. */
  readonly longRoundTrip: RoundTrips
  readonly longBytes: number
}

const LONG_FACTOR = 16

/** Each measurement has a new channel. */
export async function measureCarrier(
  peer: PeerProcess,
  choice: TransportChoice,
  measurement: Measurement,
): Promise<Carrier> {
  const { signal, timeoutMs, messageBytes } = measurement
  const longBytes = messageBytes * LONG_FACTOR
  const channel = await peer.connect(choice, { signal, timeoutMs })
  try {
    await measureRoundTrips(channel, { ...measurement, durationMs: WARM_UP_MS })
    const roundTrip = await measureRoundTrips(channel, measurement)
    const longRoundTrip = await measureRoundTrips(channel, { ...measurement, messageBytes: longBytes })
    await measureOneWay(channel, { ...measurement, durationMs: WARM_UP_MS })
    const oneWayPerSecond = await measureOneWay(channel, measurement)
    const { transport, fallbackReason } = channel
    return { transport, fallbackReason, roundTrip, longRoundTrip, longBytes, oneWayPerSecond }
  } finally {
    channel.destroy()
  }
}
