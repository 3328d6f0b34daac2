import type { TransportChoice } from '../../options.js'
import { type Measurement, measureOneWay, measureRoundTrips, type RoundTrips } from '../peer/measure.js'
import type { PeerProcess } from '../peer/peer-process.js'

/** For the compiler of the runtime, and the memory of both sides. */
const WARM_UP_MS = 50

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
/** An odd number has a median that was measured. */
const ROUNDS = 3

/**
 * Measures shared memory and the socket in turn, in several rounds, so that other programs disturb both. Returns the medians of each; both are
 * those of the socket if there is no shared memory.
 */
export async function measureInTurn(
  peer: PeerProcess,
  measurement: Measurement,
): Promise<[auto: Carrier, socket: Carrier]> {
  const round = { ...measurement, durationMs: measurement.durationMs / ROUNDS }
  const autos: Carrier[] = []
  const sockets: Carrier[] = []
  for (let count = 0; count < ROUNDS; count += 1) {
    const auto = await measureCarrier(peer, 'auto', round)
    autos.push(auto)
    sockets.push(auto.transport === 'shm' ? await measureCarrier(peer, 'socket', round) : auto)
  }
  return [medianOf(autos), medianOf(sockets)]
}

function medianOf(rounds: readonly Carrier[]): Carrier {
  const median = (of: (carrier: Carrier) => number): number =>
    rounds.map(of).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] as number
  const trips = (of: (carrier: Carrier) => RoundTrips): RoundTrips => ({
    count: rounds.reduce((sum, carrier) => sum + of(carrier).count, 0),
    medianNanos: median((carrier) => of(carrier).medianNanos),
    p99Nanos: median((carrier) => of(carrier).p99Nanos),
  })
  return {
    ...(rounds[0] as Carrier),
    roundTrip: trips(({ roundTrip }) => roundTrip),
    longRoundTrip: trips(({ longRoundTrip }) => longRoundTrip),
    oneWayPerSecond: median(({ oneWayPerSecond }) => oneWayPerSecond),
  }
}

/** Each measurement has a new channel. */
async function measureCarrier(
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
