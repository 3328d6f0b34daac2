import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { AttackHarness, ROLES } from '../support/attack-harness.js'
import { DATA_OFFSET, RING_BYTES, Word } from '../support/forged-segment.js'
import { whyNotHostile } from '../support/hostile-native.js'
import type { HostilePeer } from '../support/hostile-peers.js'
import { eventually } from '../support/turns.js'

const reason = whyNotHostile()
if (reason !== undefined) console.log(`skipped: ${reason}`)

const FLOOD = Buffer.from([1])
const RING = BigInt(RING_BYTES)

describe.skipIf(reason !== undefined).each(ROLES)('a %s that reads forged positions', (role) => {
  let harness: AttackHarness
  let peer: HostilePeer
  beforeAll(async () => {
    harness = await AttackHarness.begin()
  })
  beforeEach(async () => {
    peer = await harness.attack(role)
  })

  it.each([
    ['not aligned', 8n, /tail is not aligned/],
    ['a record beyond the ring', RING + 16n, /tail is more than a ring ahead/],
    ['2^63', 2n ** 63n, /tail is more than a ring ahead/],
    ['2^63 + 16', 2n ** 63n + 16n, /tail is more than a ring ahead/],
    ['2^64 - 16', 2n ** 64n - 16n, /tail is more than a ring ahead/],
    ['2^64 - 1', 2n ** 64n - 1n, /tail is not aligned/],
  ])('rejects a tail that is %s', async (_what, tail, text) => {
    peer.segment.publish(tail)
    peer.wake()
    await harness.expectCorrupt(peer, text)
  })

  it.each([
    ['goes back by a record', (tail: bigint) => tail - 32n],
    ['goes back to 0', () => 0n],
  ])('rejects a tail that %s', async (_what, next) => {
    peer.send(Buffer.alloc(16))
    peer.send(Buffer.alloc(16))
    const tail = BigInt(peer.position)
    await eventually(() => peer.victimHead === tail)
    peer.segment.publish(next(tail))
    peer.wake()
    await harness.expectCorrupt(peer, /tail is more than a ring ahead|tail moved back/)
  })

  it('rejects a tail that changes without end', async () => {
    peer.segment.record(0, { length: 0, sequence: 0 })
    peer.segment.record(16, { length: 0, sequence: 1 })
    harness.storeRepeatedly(peer.segment.word(Word.TAIL, 8), [16n, 32n])
    peer.wake()
    await harness.expectCorrupt(peer, /tail moved back|tail is more than a ring ahead/)
  })

  it('rejects a tail that advances over unwritten records', async () => {
    harness.storeRepeatedly(
      peer.segment.word(Word.TAIL, 8),
      Array.from({ length: 100_000 }, (_, index) => BigInt(16 * index)),
    )
    peer.wake()
    await harness.expectCorrupt(peer, /a record has no kind|a ring ahead/)
  })

  it.each([
    ['not aligned', (tail: bigint) => tail - 8n, /head is not aligned/],
    ['beyond the tail', (tail: bigint) => tail + 16n, /head moved back or past the tail/],
    ['a ring beyond the tail', (tail: bigint) => tail + RING, /head moved back or past the tail/],
    ['2^63', () => 2n ** 63n, /head moved back or past the tail/],
    ['2^64 - 16', () => 2n ** 64n - 16n, /head moved back or past the tail/],
  ])('rejects a head that is %s', async (_what, next, text) => {
    peer.send(FLOOD)
    await eventually(() => peer.victimTail > RING - 2048n)
    peer.segment.store64(Word.HEAD, next(peer.victimTail))
    peer.wake()
    await harness.expectCorrupt(peer, text)
  })

  it('rejects a head that goes back', async () => {
    peer.send(FLOOD)
    await eventually(() => peer.victimTail > RING - 2048n)
    peer.segment.store64(Word.HEAD, peer.victimTail)
    peer.wake()
    await eventually(() => peer.victimTail > RING + 32_768n)
    peer.segment.store64(Word.HEAD, 16n)
    peer.wake()
    await harness.expectCorrupt(peer, /head moved back or past the tail/)
  })

  it('ignores an unknown state, and wake words that were never armed', async () => {
    for (const garbage of [2, 0xffff_ffff, 0x8000_0000]) {
      peer.segment.store32(Word.STATE, garbage)
      peer.segment.store32(Word.DATA_WAKE, garbage)
      peer.segment.store32(Word.ROOM_WAKE, garbage)
      peer.send(Buffer.alloc(16))
      const tail = BigInt(peer.position)
      await eventually(() => peer.victimHead === tail)
    }
    await harness.expectAnswers()
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: 3 })
    await harness.expectUnharmed()
  })

  it('ignores times of wake-ups that cannot be true', async () => {
    const now = process.hrtime.bigint()
    const times = [0n, 1n, now - 50_000n, now + 50_000n, now + 3_600_000_000_000n, 2n ** 63n, 2n ** 64n - 1n]
    for (const time of times) {
      peer.segment.store64(Word.WAKE_SENT_AT, time)
      peer.segment.store64(Word.WOKEN_AT, times.at(-1 - times.indexOf(time)) as bigint)
      peer.send(Buffer.alloc(16))
      const tail = BigInt(peer.position)
      await eventually(() => peer.victimHead === tail)
    }
    await harness.expectAnswers()
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: times.length })
    await harness.expectUnharmed()
  })

  it('falls asleep although its peer reports without end that it was woken just now', async () => {
    peer.send(Buffer.alloc(16))
    await eventually(() => peer.victimHead === BigInt(peer.position))
    await eventually(() => {
      peer.segment.store64(Word.WOKEN_AT, process.hrtime.bigint())
      return peer.victimSleeps
    })
    await harness.expectUnharmed()
  })

  it('ignores counters and a header that change after the handshake', async () => {
    peer.segment.bytes.fill(0xff, 0, 104)
    peer.segment.bytes.fill(0xff, Word.STATE + 128, DATA_OFFSET)
    peer.send(Buffer.alloc(16))
    await eventually(() => peer.victimHead === BigInt(peer.position))
    peer.control.socket.destroy()
    expect(await harness.ended(peer)).toMatchObject({ code: ErrorCode.PEER_GONE, received: 1 })
    await harness.expectUnharmed()
  })
})
