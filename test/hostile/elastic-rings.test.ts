import { beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { AttackHarness, ROLES } from '../support/attack-harness.js'
import { DATA_OFFSET, ForgedSegment, GrowthStep, RING_BYTES, Word } from '../support/forged-segment.js'
import { whyNotHostile } from '../support/hostile-native.js'
import type { HostilePeer } from '../support/hostile-peers.js'
import { eventually } from '../support/turns.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const LARGE_RING_BYTES = 1 << 20
const SMALL_SEGMENT_BYTES = DATA_OFFSET + RING_BYTES
const INLINE_MAX = RING_BYTES / 8 - 16
const LAPS = 3
const FLOOD = Buffer.from([1])

/** An elastic ring whose other pages do not exist. */
function elastic(ringBytes = LARGE_RING_BYTES): ForgedSegment {
  return new ForgedSegment({ ringBytes, elastic: true, pages: 'small' })
}

async function read(peer: HostilePeer): Promise<void> {
  await eventually(() => peer.victimHead === BigInt(peer.position))
}

/** Sends messages through the small ring, several times around. Resolves to their number. */
async function sendLaps(peer: HostilePeer): Promise<number> {
  const end = peer.position + LAPS * RING_BYTES
  // From here on, a record ends at the end of the ring.
  peer.send(Buffer.alloc(1008 - (peer.position % 1024)))
  let count = 1
  while (peer.position < end) {
    peer.send(Buffer.alloc(1008))
    count += 1
    await read(peer)
  }
  return count
}

describe.skipIf(reason !== undefined).each(ROLES)('a %s whose peer has an elastic ring', (role) => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  async function accepted(): Promise<HostilePeer> {
    const peer = await harness.attack(role, elastic())
    peer.segment.addPages()
    peer.offer()
    await read(peer)
    expect(peer.victimAccepts).toBe(true)
    return peer
  }

  async function expectReceived(peer: HostilePeer, received: number): Promise<void> {
    await read(peer)
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received })
    await harness.expectUnharmed()
  }

  it('accepts the growth of a ring whose pages exist, and reads the whole ring', async () => {
    const peer = await accepted()
    peer.send(Buffer.alloc(16))
    peer.move()
    for (let count = 0; count < 20; count += 1) {
      peer.send(Buffer.alloc(RING_BYTES - 16, count))
      await read(peer)
    }
    await expectReceived(peer, 21)
  })

  it.each([LARGE_RING_BYTES, 1 << 30])(
    'does not accept pages that do not exist, creates none, and still reads the small ring: %i',
    async (ringBytes) => {
      const peer = await harness.attack(role, elastic(ringBytes))
      peer.send(Buffer.alloc(16))
      peer.offer()
      const count = await sendLaps(peer)
      expect(peer.victimAccepts).toBe(false)
      expect(peer.segment.existingBytes).toBe(SMALL_SEGMENT_BYTES)
      await expectReceived(peer, 1 + count)
    },
  )

  it('does not accept if only the last page is missing', async () => {
    const peer = await harness.attack(role, elastic())
    peer.segment.bytes.fill(0, SMALL_SEGMENT_BYTES, DATA_OFFSET + LARGE_RING_BYTES - 4096)
    peer.offer()
    await read(peer)
    expect(peer.victimAccepts).toBe(false)
    expect(peer.segment.existingBytes).toBe(DATA_OFFSET + LARGE_RING_BYTES - 4096)
    await expectReceived(peer, await sendLaps(peer))
  })

  it('does not accept again when the pages exist after OFFER', async () => {
    const peer = await harness.attack(role, elastic())
    peer.offer()
    await read(peer)
    peer.segment.addPages()
    peer.offer()
    await harness.expectCorrupt(peer, /cannot grow is offered to grow/)
  })

  it('rejects a second OFFER', async () => {
    const peer = await accepted()
    peer.offer()
    await harness.expectCorrupt(peer, /cannot grow is offered to grow/)
  })

  it('rejects an OFFER after MOVE', async () => {
    const peer = await accepted()
    peer.move()
    peer.offer()
    await harness.expectCorrupt(peer, /cannot grow is offered to grow/)
  })

  it('rejects a second MOVE', async () => {
    const peer = await accepted()
    peer.move()
    await read(peer)
    peer.move()
    await harness.expectCorrupt(peer, /moves that was not accepted/)
  })

  it('rejects MOVE without OFFER', async () => {
    const peer = await harness.attack(role, elastic())
    peer.segment.addPages()
    peer.segment.record(0, { length: 0, kind: 0, flags: 0, id: GrowthStep.MOVE })
    peer.publish(RING_BYTES)
    await harness.expectCorrupt(peer, /moves that was not accepted/)
  })

  it('rejects MOVE without acceptance, and reads no page that does not exist', async () => {
    const peer = await harness.attack(role, elastic())
    peer.offer()
    await read(peer)
    peer.segment.record(16, { length: 0, kind: 0, flags: 0, id: GrowthStep.MOVE })
    peer.publish(RING_BYTES)
    await harness.ended(peer).then(({ code, message }) => {
      expect(code).toBe(ErrorCode.CORRUPT)
      expect(message).toMatch(/moves that was not accepted/)
    })
    expect(peer.segment.existingBytes).toBe(SMALL_SEGMENT_BYTES)
    await harness.expectUnharmed()
  })

  it.each([0, 16, RING_BYTES - 48])('rejects MOVE to beyond the tail, %i bytes behind it', async (behind) => {
    const peer = await accepted()
    peer.segment.record(16, { length: 0, kind: 0, flags: 0, id: GrowthStep.MOVE })
    peer.publish(32 + behind)
    await harness.expectCorrupt(peer, /moves past the published bytes/)
  })

  it('rejects a tail in the other pages before it has accepted them', async () => {
    const peer = await harness.attack(role, elastic())
    peer.publish(RING_BYTES + 16)
    await harness.expectCorrupt(peer, /tail is more than a ring ahead/)
  })

  it('rejects a tail in the other pages after it has refused them', async () => {
    const peer = await harness.attack(role, elastic())
    peer.offer()
    await read(peer)
    peer.publish(RING_BYTES + 32)
    await harness.expectCorrupt(peer, /tail is more than a ring ahead/)
  })

  it.each([false, true])(
    'rejects a record longer than an eighth of the small ring (accepted: %s)',
    async (isAccepted) => {
      const peer = isAccepted ? await accepted() : await harness.attack(role, elastic())
      peer.send(Buffer.alloc(INLINE_MAX + 1))
      await harness.expectCorrupt(peer, /longer than an eighth/)
    },
  )

  it.each([
    ['length', { length: 1 }],
    ['flags', { flags: 1 }],
    ['sequence', { sequence: 1 }],
    ['id 0', { id: 0 }],
    ['id 3', { id: 3 }],
    ['id 2^32 - 1', { id: 2 ** 32 - 1 }],
  ])('rejects an OFFER with a wrong field: %s', async (_what, change) => {
    const peer = await harness.attack(role, elastic())
    peer.segment.addPages()
    peer.offer(change)
    await harness.expectCorrupt(peer, /has no kind/)
  })

  it.each([RING_BYTES, LARGE_RING_BYTES])(
    'rejects an OFFER in a ring of %i bytes that is not elastic',
    async (ringBytes) => {
      const peer = await harness.attack(role, new ForgedSegment({ ringBytes }))
      peer.offer()
      await harness.expectCorrupt(peer, /cannot grow is offered to grow/)
    },
  )

  it('rejects steps that change without end', async () => {
    const peer = await harness.attack(role, elastic())
    peer.segment.record(0, { length: 0, kind: 0, flags: 0, id: GrowthStep.OFFER })
    harness.storeRepeatedly(peer.segment.word(DATA_OFFSET + 8, 8), [1n, 2n])
    harness.storeRepeatedly(peer.segment.word(DATA_OFFSET + 24, 8), [1n, 2n])
    peer.segment.record(16, { length: 0, kind: 0, flags: 0, id: GrowthStep.MOVE })
    peer.publish(RING_BYTES)
    await harness.expectCorrupt(peer, /moves that was not accepted|cannot grow is offered|no kind/)
  })
})

describe.skipIf(reason !== undefined).each(ROLES)('a %s that fills its own elastic ring', (role) => {
  // The position behind the small ring, in the second lap: one lap of the small ring is written before.
  const moved = BigInt(LARGE_RING_BYTES + RING_BYTES)
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin({ ringBytes: LARGE_RING_BYTES })
  })

  /** The victim has filled the small ring, and waits. */
  async function full(): Promise<HostilePeer> {
    const peer = await harness.attack(role)
    peer.send(FLOOD)
    await eventually(() => peer.victimTail > RING_BYTES - 2048)
    return peer
  }

  function release(peer: HostilePeer, head: bigint): void {
    peer.segment.store64(Word.HEAD, head)
    peer.wake()
  }

  /** Accepts, and releases everything until the victim uses the whole ring. The head is before MOVE. */
  async function grown(): Promise<HostilePeer> {
    const peer = await full()
    peer.segment.store32(Word.ACCEPTED, 1)
    await eventually(() => {
      const tail = peer.victimTail
      if (tail < moved) release(peer, tail)
      return tail > moved
    })
    return peer
  }

  async function expectUnharmedEnd(peer: HostilePeer): Promise<void> {
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE })
    await harness.expectUnharmed()
  }

  it('stays small without an acceptance, also after several laps', async () => {
    const peer = await full()
    for (let lap = 0; lap < LAPS; lap += 1) {
      const tail = peer.victimTail
      release(peer, tail)
      await eventually(() => peer.victimTail - tail > RING_BYTES / 2)
      expect(Number(peer.victimTail - tail)).toBeLessThanOrEqual(RING_BYTES)
    }
    await expectUnharmedEnd(peer)
  })

  it.each([2, 2 ** 31, 2 ** 32 - 1])('does not take %i for an acceptance', async (value) => {
    const peer = await full()
    peer.segment.store32(Word.ACCEPTED, value)
    const tail = peer.victimTail
    release(peer, tail)
    await eventually(() => peer.victimTail - tail > RING_BYTES / 2)
    expect(Number(peer.victimTail - tail)).toBeLessThanOrEqual(RING_BYTES)
    await expectUnharmedEnd(peer)
  })

  it('is not harmed by a peer that accepts before OFFER and without a check', async () => {
    const segment = new ForgedSegment()
    segment.store32(Word.ACCEPTED, 1)
    const peer = await harness.attack(role, segment)
    peer.send(FLOOD)
    await eventually(() => {
      release(peer, peer.victimTail)
      return peer.victimTail > 2 * LARGE_RING_BYTES
    })
    await expectUnharmedEnd(peer)
  })

  it('still writes when the acceptance is withdrawn after MOVE', async () => {
    const peer = await grown()
    peer.segment.store32(Word.ACCEPTED, 0)
    const tail = peer.victimTail
    release(peer, tail)
    await eventually(() => peer.victimTail - tail > LARGE_RING_BYTES / 2)
    await expectUnharmedEnd(peer)
  })

  it('still writes when the head is inside the positions that MOVE skips', async () => {
    const peer = await grown()
    for (const before of [LARGE_RING_BYTES / 2, 4096, 16]) {
      const head = moved - BigInt(before)
      release(peer, head)
      await eventually(() => peer.victimTail - head > LARGE_RING_BYTES - 4096)
      expect(Number(peer.victimTail - head)).toBeLessThanOrEqual(LARGE_RING_BYTES)
    }
    await expectUnharmedEnd(peer)
  })

  it.each([
    ['goes back into the positions that MOVE skips', () => moved - 4096n],
    ['is beyond the tail', (tail: bigint) => tail + 16n],
    ['is a large ring ahead', (tail: bigint) => tail + BigInt(LARGE_RING_BYTES)],
  ])('rejects a head that %s', async (_what, head) => {
    const peer = await grown()
    release(peer, moved)
    await eventually(() => peer.victimTail - moved > LARGE_RING_BYTES - 4096)
    release(peer, head(peer.victimTail))
    await harness.expectCorrupt(peer, /head moved back or past the tail/)
  })
})
