// The plans of two processes for one exchange, from random bits: the same bits give the same plan.

const RING_BYTES = 64 * 1024
const KIB = 1024
const NEITHER = [false, false]

/** The duration is in milliseconds; null lasts until one of the two dies. */
export function randomPlans(bits, durationMs) {
  const pick = (...values) => values[bits() % values.length]
  const transport = pick('shm', 'shm', 'shm', 'shm', 'shm', 'socket')
  const blocks =
    transport === 'shm' ? pick(NEITHER, NEITHER, [true, false], [false, true], [true, true]) : NEITHER
  const profiles =
    blocks === NEITHER
      ? ['mixed', 'mixed', 'large', 'stream', 'empty']
      : ['mixed', 'mixed', 'stream', 'empty']
  const profile = pick(...profiles)
  const shared = { durationMs, profile, transport, ringBytes: pick(RING_BYTES, RING_BYTES, 16 * RING_BYTES) }
  return pairOf(
    bits,
    transport,
    [0, 1].map((index) => randomSide(pick, shared, blocks[index], blocks[1 - index])),
  )
}

function randomSide(pick, { durationMs, profile, transport, ringBytes }, blocks, peerBlocks) {
  const receive = blocks ? 'blocking' : pick('message', 'messages', 'loop')
  const sends = profile === 'stream' ? ['trySend', 'claim'] : ['trySend', 'trySend', 'send', 'claim']
  return {
    durationMs,
    profile,
    ringBytes,
    receive,
    send: blocks ? 'blocking' : pick(...sends),
    // A blocked side holds arriving messages without a bound.
    burst: peerBlocks ? 20 : profile === 'large' ? 3 : pick(200, 200, 20, 3),
    pauses: peerBlocks ? 'gaps' : pick('none', 'some', 'some', 'gaps'),
    lanes: pick(0, 2, 8),
    peerBlocks,
    options: {
      transport,
      codec: 'bytes',
      ringBytes,
      wait: pick('adaptive', 'adaptive', 'sleep', 'spin'),
      views: !blocks && receive !== 'loop' && pick(true, false),
    },
  }
}

/** One side sends small messages as fast as it can, and the other counts and checks them. */
export function streamPlans(bits, durationMs) {
  const side = {
    durationMs,
    profile: 'stream',
    ringBytes: 1024 * KIB,
    receive: 'messages',
    burst: 8_000,
    pauses: 'none',
    lanes: 0,
    peerBlocks: false,
  }
  const options = {
    transport: 'shm',
    codec: 'bytes',
    ringBytes: side.ringBytes,
    wait: 'adaptive',
    views: false,
  }
  return pairOf(bits, 'shm', [
    { ...side, send: 'nothing', options },
    { ...side, send: 'trySend', options },
  ])
}

/**
 * One message at a time, and its reply: a lost wake-up stops both for ever. In every other type of exchange, the next
 * message may replace a lost wake-up.
 */
export function turnPlans(bits, durationMs) {
  const pick = (...values) => values[bits() % values.length]
  const blocks = pick(NEITHER, NEITHER, [true, false], [false, true], [true, true])
  const wait = pick('sleep', 'adaptive')
  return pairOf(
    bits,
    'shm',
    [0, 1].map((index) => ({
      durationMs,
      profile: 'mixed',
      ringBytes: RING_BYTES,
      receive: blocks[index] ? 'blocking' : pick('message', 'messages'),
      send: 'turn',
      burst: 1,
      pauses: 'gaps',
      lanes: 0,
      peerBlocks: blocks[1 - index],
      options: {
        transport: 'shm',
        codec: 'bytes',
        ringBytes: RING_BYTES,
        wait,
        views: !blocks[index] && pick(true, false),
      },
    })),
  )
}

/** One side sends little, and the other nothing: each message must wake a sleeper, and no reply can do it instead. */
export function gapPlans(bits, durationMs) {
  const pick = (...values) => values[bits() % values.length]
  const wait = pick('sleep', 'adaptive')
  const options = { transport: 'shm', codec: 'bytes', ringBytes: RING_BYTES, wait, views: pick(true, false) }
  const side = {
    durationMs,
    profile: 'mixed',
    ringBytes: RING_BYTES,
    receive: pick('message', 'messages'),
    burst: 3,
    pauses: 'gaps',
    lanes: 0,
    peerBlocks: false,
    options,
  }
  return pairOf(bits, 'shm', [
    { ...side, send: 'nothing' },
    { ...side, send: pick('trySend', 'claim', 'send') },
  ])
}

/** Both ends are in one process, over the in-memory link. */
export function inProcessPlans(bits, durationMs) {
  const pick = (...values) => values[bits() % values.length]
  const shared = { durationMs, profile: 'mixed', transport: 'in-process', ringBytes: RING_BYTES }
  return pairOf(
    bits,
    'in-process',
    [0, 1].map(() => randomSide(pick, shared, false, false)),
  )
}

function pairOf(bits, transport, sides) {
  const seeds = [bits(), bits()]
  return {
    transport,
    sides: sides.map((side, index) => ({
      ...side,
      seed: seeds[index],
      peerSeed: seeds[1 - index],
      role: ['listen', 'connect'][index],
      address: 'soak',
      file: null,
    })),
  }
}

/** Describes a plan in one line. */
export function describePlans({ transport, sides }) {
  const describe = ({ options, send, receive, pauses, lanes }) =>
    `${send}/${receive}${options.views ? '+views' : ''} ${options.wait}, ${pauses}, ${lanes} lanes`
  return `${transport}, ${sides[0].profile}, ring ${sides[0].ringBytes / KIB} KiB: ${sides.map(describe).join(' | ')}`
}
