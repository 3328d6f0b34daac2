import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { AttackHarness, ROLES } from '../support/attack-harness.js'
import {
  DATA_OFFSET,
  Flag,
  type ForgedRecord,
  ForgedSegment,
  headerWord,
  PAD,
  RECORD_HEADER_BYTES,
  RING_BYTES,
  Word,
} from '../support/forged-segment.js'
import { whyNotHostile } from '../support/hostile-native.js'
import type { HostilePeer } from '../support/hostile-peers.js'
import { integerFrom, newSeed, randomFrom } from '../support/random.js'
import { eventually, turn } from '../support/turns.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const INLINE_MAX = RING_BYTES / 8 - RECORD_HEADER_BYTES
const MESSAGE_MAX = 1 << 20
const LARGE_RING_BYTES = 1 << 20

/** The beginning of a message in fragments: its whole length, then some of its bytes. */
function firstFragment(total: bigint, bytes = 16): Buffer {
  const payload = Buffer.alloc(8 + bytes, 2)
  payload.writeBigUInt64LE(total)
  return payload
}

describe.skipIf(reason !== undefined).each(ROLES)('a %s that receives forged records', (role) => {
  let harness: AttackHarness
  let peer: HostilePeer
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })
  beforeEach(async () => {
    peer = await harness.attack(role)
  })

  function publish(tail: number): void {
    peer.segment.publish(tail)
    peer.wake()
  }

  it.each<[string, ForgedRecord, number, RegExp]>([
    ['longer than an eighth of the ring', { length: INLINE_MAX + 1 }, 16_384, /longer than an eighth/],
    ['of 2 GiB less one byte', { length: PAD - 1 }, 65_536, /longer than an eighth/],
    ['longer than the published bytes', { length: 100 }, 16, /longer than the published bytes/],
    ['without a kind', { length: 0, kind: 0 }, 16, /has no kind/],
    ['of unknown flags', { length: 0, flags: 4 | Flag.WHOLE }, 16, /unknown flags/],
    ['of all flags', { length: 0, flags: 0xffff }, 16, /unknown flags/],
    ['out of sequence', { length: 0, sequence: 1 }, 16, /out of sequence/],
    ['of the last sequence', { length: 0, sequence: 2 ** 32 - 1 }, 16, /out of sequence/],
    ['of an unknown kind', { length: 0, kind: 99 }, 16, /unknown kind 99/],
    ['of the highest kind', { length: 0, kind: 0xffff }, 16, /unknown kind 65535/],
    ['of a middle fragment first', { length: 8, flags: 0 }, 32, /does not begin with its first fragment/],
    [
      'of a last fragment first',
      { length: 8, flags: Flag.LAST },
      32,
      /does not begin with its first fragment/,
    ],
    ['of an empty first fragment', { length: 8, flags: Flag.FIRST }, 32, /first fragment is empty/],
    [
      'of a reply without a request',
      { length: 0, kind: 3, id: 7 },
      16,
      /reply to a request that is not open/,
    ],
    ['of a note to a codec without notes', { length: 0, kind: 7 }, 16, /CODEC|note/i],
    ['of a pad in the middle', { length: PAD + 16, kind: 0, flags: 0 }, 32, /pad does not end with the ring/],
    ['of a pad with a kind', { length: PAD + RING_BYTES - 16, flags: 0 }, 65_536, /longer than an eighth/],
    [
      'of a pad of the whole ring',
      { length: PAD + RING_BYTES - 16, kind: 0, flags: 0 },
      65_536,
      /as long as/,
    ],
  ])('rejects one %s', async (_what, record, tail, text) => {
    peer.segment.record(0, record)
    publish(tail)
    await harness.expectCorrupt(peer, text)
  })

  it('rejects one that passes the end of the ring', async () => {
    for (let count = 0; count < 7; count += 1) peer.send(Buffer.alloc(INLINE_MAX, 2))
    peer.send(Buffer.alloc(INLINE_MAX - 32, 2))
    const { position, sequence } = peer
    await eventually(() => peer.victimHead === BigInt(position))
    peer.segment.store64(DATA_OFFSET + position, headerWord({ length: 100 }))
    peer.segment.store64(DATA_OFFSET + position + 8, BigInt(sequence) << 32n)
    publish(position + 128)
    await harness.expectCorrupt(peer, /passes the ring's end/)
  })

  it.each([
    ['announces more than the longest message', BigInt(MESSAGE_MAX + 1), /longer than maxMessageBytes/],
    ['announces 2^63', 2n ** 63n, /longer than maxMessageBytes/],
    ['announces 2^64 - 1', 2n ** 64n - 1n, /longer than maxMessageBytes/],
    ['announces less than it holds', 8n, /longer than its message/],
    ['announces nothing', 0n, /longer than its message/],
  ])('rejects a first fragment that %s', async (_what, total, text) => {
    const payload = firstFragment(total)
    publish(peer.segment.record(0, { length: payload.length, flags: Flag.FIRST }, payload))
    await harness.expectCorrupt(peer, text)
  })

  it.each<[string, ForgedRecord, RegExp]>([
    ['another first', { length: 24, flags: Flag.FIRST }, /begins inside another/],
    ['a whole message', { length: 24 }, /begins inside another/],
    ['one of another kind', { length: 24, flags: 0, kind: 2 }, /belongs to another message/],
    ['one of another id', { length: 24, flags: 0, id: 1 }, /belongs to another message/],
    ['an empty one', { length: 0, flags: 0 }, /fragment is empty/],
    ['one that holds too much', { length: 2000, flags: Flag.LAST }, /longer than their message/],
    ['a last one too early', { length: 24, flags: Flag.LAST }, /does not end its message/],
    ['an end without the last flag', { length: 984, flags: 0 }, /does not end its message/],
  ])('rejects a first fragment and behind it %s', async (_what, second, text) => {
    const payload = firstFragment(1000n)
    const next = peer.segment.record(0, { length: payload.length, flags: Flag.FIRST }, payload)
    publish(peer.segment.record(next, { ...second, sequence: 1 }))
    await harness.expectCorrupt(peer, text)
  })

  it('rejects fragments that exceed the length that the first one announced', async () => {
    const count = 30_000
    const first = firstFragment(BigInt(count + 8), 8)
    // As long as the others, so that none passes the end of the ring.
    let position = peer.segment.record(0, { length: first.length, flags: Flag.FIRST }, first)
    for (let sequence = 1; sequence <= count; sequence += 1) {
      while (BigInt(position) - peer.victimHead > BigInt(RING_BYTES - 64)) {
        publish(position)
        await turn()
      }
      position = peer.segment.record(position, { length: 1, flags: 0, sequence })
    }
    publish(position)
    await harness.expectCorrupt(peer, /does not end its message/)
  })

  it('holds no more than the length of an unfinished message, and frees it with its sender', async () => {
    const payload = firstFragment(BigInt(MESSAGE_MAX))
    publish(peer.segment.record(0, { length: payload.length, flags: Flag.FIRST }, payload))
    await harness.expectAnswers()
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: 0 })
    await harness.expectUnharmed()
  })
})

describe.skipIf(reason !== undefined).each(ROLES)('a %s that reads changing records', (role) => {
  let harness: AttackHarness
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })

  async function changeHeaders(victim: AttackHarness, rounds: number): Promise<void> {
    const random = randomFrom(newSeed('changing records'))
    for (let round = 0; round < rounds; round += 1) {
      const peer = await victim.attack(role)
      const values = Array.from({ length: 64 }, () =>
        headerWord({
          length: random() < 0.2 ? integerFrom(random, 0, PAD) : integerFrom(random, 0, INLINE_MAX),
          kind: random() < 0.1 ? 0 : 1,
          flags: random() < 0.3 ? integerFrom(random, 0, 4) : Flag.WHOLE,
        }),
      )
      victim.storeRepeatedly(peer.segment.word(DATA_OFFSET, 8), values)
      peer.segment.publish(8192)
      peer.wake()
      // The bytes behind the record were never written.
      expect(await victim.ended(peer)).toMatchObject({ code: ErrorCode.CORRUPT })
      await peer.control.closed()
      victim.stopThreads()
    }
    await victim.expectUnharmed()
  }

  it('rejects length, kind and flags that change at random', () => changeHeaders(harness, 8))

  it('rejects them in messages that are read in place', async () => {
    await changeHeaders(await AttackHarness.begin({ views: true }), 8)
  })

  // About as fast as the victim reads, and slower.
  it.each([1000, 5000, 20_000])(
    'rejects a length that grows between two reads, every %i ns',
    async (pauseNanos) => {
      const segment = new ForgedSegment({ ringBytes: LARGE_RING_BYTES })
      const peer = await harness.attack(role, segment)
      const longest = LARGE_RING_BYTES / 8 - RECORD_HEADER_BYTES
      const lengths = Array.from({ length: longest - 8192 }, (_, index) => 8192 + index)
      harness.storeRepeatedly(
        segment.word(DATA_OFFSET, 8),
        lengths.map((length) => headerWord({ length })),
        pauseNanos,
      )
      segment.publish(LARGE_RING_BYTES)
      peer.wake()
      expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.CORRUPT })
      await peer.control.closed()
      await harness.expectUnharmed()
    },
  )

  // Between the two reads, the victim takes memory that can hold messages of other channels. A later short record must not show it.
  it('rejects a long record that is a pad when there is memory for it', { timeout: 120_000 }, async () => {
    const ringBytes = 2 << 20
    const length = 200_000
    const at = ringBytes - RECORD_HEADER_BYTES - length
    const longest = ringBytes / 16 - RECORD_HEADER_BYTES
    let found: string | undefined
    // On a busy machine, few rounds change the record between the two reads.
    for (let round = 0; round < 1_000 && found === undefined; round += 1) {
      const peer = await harness.attack(role, new ForgedSegment({ ringBytes }))
      let closed = false
      void peer.control.closed().then(() => (closed = true))
      while (peer.position + longest + RECORD_HEADER_BYTES <= at) peer.send(Buffer.alloc(longest))
      peer.send(Buffer.alloc(at - peer.position - RECORD_HEADER_BYTES))
      await eventually(() => peer.victimHead === BigInt(at))
      peer.segment.record(at, { length, sequence: peer.sequence })
      harness.storeRepeatedly(peer.segment.word(DATA_OFFSET + at, 8), [
        headerWord({ length }),
        headerWord({ length: PAD + length, kind: 0, flags: 0 }),
      ])
      peer.segment.publish(ringBytes)
      await eventually(() => {
        peer.wake()
        return closed || peer.victimHead === BigInt(ringBytes)
      })
      // An old record, which is longer than what is published.
      peer.segment.publish(ringBytes + RECORD_HEADER_BYTES)
      const { code, message } = await harness.ended(peer)
      expect(code).toBe(ErrorCode.CORRUPT)
      if (message?.includes('changed a record while it was read') === true) found = message
      await peer.control.closed()
      harness.stopThreads()
      peer.close()
    }
    expect(found).toBeDefined()
    await harness.expectUnharmed()
  })

  it('rejects a changing total length of a message in fragments', async () => {
    for (let round = 0; round < 8; round += 1) {
      const peer = await harness.attack(role)
      const payload = firstFragment(1000n)
      const next = peer.segment.record(0, { length: payload.length, flags: Flag.FIRST }, payload)
      const end = peer.segment.record(next, { length: 984, flags: Flag.LAST, sequence: 1 })
      harness.storeRepeatedly(peer.segment.word(DATA_OFFSET + RECORD_HEADER_BYTES, 8), [
        1000n,
        2000n,
        500n,
        2n ** 40n,
      ])
      peer.segment.publish(end)
      peer.wake()
      // If the length is right by chance, the message is valid, and the sender ends.
      if (round % 2 === 1) peer.control.socket.end()
      else peer.segment.store64(Word.TAIL, 8n)
      peer.wake()
      expect([ErrorCode.CORRUPT, ErrorCode.PEER_GONE]).toContain((await harness.ended(peer)).code)
      harness.stopThreads()
    }
    await harness.expectUnharmed()
  })

  it('rejects several records that several threads change at once', async () => {
    const random = randomFrom(newSeed('a changing ring'))
    const peer = await harness.attack(role)
    for (let count = 0; count < 3; count += 1) {
      const values = Array.from({ length: 32 }, () => BigInt(integerFrom(random, 0, 2 ** 40)))
      harness.storeRepeatedly(peer.segment.word(DATA_OFFSET + 16 * integerFrom(random, 0, 64), 8), values)
    }
    peer.segment.publish(RING_BYTES)
    peer.wake()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.CORRUPT })
    await harness.expectUnharmed()
  })
})
