import { describe, expect, it } from 'vitest'
import { PlainRing } from '../../../../src/messaging/topic/plain-ring.js'
import { DESCRIPTOR_WORDS, type OwnReader } from '../../../../src/messaging/topic/ring.js'
import { integerFrom, newSeed, randomFrom } from '../../../support/random.js'

const RING_BYTES = 64 * 1024
const NO_PREFIX = new Uint8Array(0)

function publish(ring: PlainRing, text: string, key = ''): number {
  return ring.publish(Buffer.from(text), Buffer.from(key), key.length)
}

/** The texts that a reader gets from now on. */
function drain(reader: OwnReader, target = Buffer.alloc(32 * 1024)): { texts: string[]; lost: number } {
  const texts: string[] = []
  let lost = 0
  for (let count = reader.receive(target, 0, false); count > 0; count = reader.receive(target, 0, false)) {
    lost += reader.lost
    for (let index = 0; index < count; index += 1) {
      const [offset = 0, key = 0, headers = 0, body = 0] = reader.descriptors.subarray(
        index * DESCRIPTOR_WORDS,
      )
      texts.push(target.toString('latin1', offset + key + headers, offset + key + headers + body))
    }
  }
  return { texts, lost }
}

describe('PlainRing', () => {
  it('delivers messages with key and sequence to readers that begin at different places', () => {
    const ring = new PlainRing(RING_BYTES)
    const early = ring.createReader(false)
    expect(publish(ring, 'one', 'k')).toBe(1)
    expect(publish(ring, 'two')).toBe(2)
    const late = ring.createReader(false)
    expect([late.seek('next'), late.seek('last'), late.seek('oldest'), late.seek(2)]).toEqual([3, 2, 1, 2])
    expect(drain(early).texts).toEqual(['one', 'two'])
    expect(drain(late).texts).toEqual(['two'])
    expect(late.firstSequence).toBe(3)
  })

  it('counts losses exactly and resumes half a ring behind the newest message', () => {
    const ring = new PlainRing(RING_BYTES)
    const reader = ring.createReader(false)
    for (let number = 1; number <= 10_000; number += 1) publish(ring, String(number).padStart(48, '0'))
    const target = Buffer.alloc(32 * 1024)
    const count = reader.receive(target, 0, false)
    expect(count).toBeGreaterThan(0)
    expect(reader.lost + 1).toBe(reader.firstSequence)
    // A message takes 64 bytes, so half a ring has 512.
    expect(reader.firstSequence).toBe(10_000 - 512 + 1)
    const rest = drain(reader)
    expect(rest.lost).toBe(0)
    expect(count + rest.texts.length).toBe(512)
  })

  it('reports the length of a message that does not fit, and keeps the loss for it', () => {
    const ring = new PlainRing(RING_BYTES)
    const reader = ring.createReader(false)
    for (let number = 0; number < 100; number += 1) publish(ring, 'x'.repeat(2_000))
    const small = Buffer.alloc(100)
    expect(reader.receive(small, 0, false)).toBe(0)
    expect(reader.requiredBytes).toBe(2_000)
    expect(reader.receive(Buffer.alloc(2_000), 0, false)).toBe(1)
    expect(reader.requiredBytes).toBe(-1)
    expect(reader.lost).toBeGreaterThan(0)
    expect(reader.firstSequence).toBe(reader.lost + 1)
  })

  it('keeps room for a blocking reader until it reads or is detached', () => {
    const ring = new PlainRing(RING_BYTES)
    const slow = ring.createReader(true)
    const other = ring.createReader(true)
    const free = ring.createReader(false)
    expect(ring.slowest()).toBe(slow.index)
    let published = 0
    while (publish(ring, 'x'.repeat(984)) !== 0) published += 1
    // A message takes 1,008 bytes.
    expect(published).toBe(Math.floor(RING_BYTES / 1_008))
    expect(ring.armForRoom()).toBe(false)
    expect(drain(other).texts).toHaveLength(published)
    expect(other.writerWaits).toBe(false)
    expect(ring.slowest()).toBe(slow.index)
    expect(publish(ring, 'x'.repeat(984))).toBe(0)
    expect(slow.receive(Buffer.alloc(1_000), 0, false)).toBe(1)
    expect(slow.writerWaits).toBe(true)
    expect(publish(ring, 'x'.repeat(984))).toBe(published + 1)
    ring.detach(slow.index)
    ring.detach(other.index)
    expect(ring.slowest()).toBe(-1)
    for (let number = 0; number < 200; number += 1) expect(publish(ring, 'y')).toBeGreaterThan(0)
    const { texts, lost } = drain(free)
    expect(texts.length + lost).toBe(published + 201)
  })

  it('is closed for a reader that has read everything', () => {
    const ring = new PlainRing(RING_BYTES)
    const reader = ring.createReader(false)
    publish(ring, 'last')
    ring.close()
    expect(reader.closed).toBe(false)
    expect(drain(reader).texts).toEqual(['last'])
    expect(reader.closed).toBe(true)
  })

  it('has an index of its own for each reader, and refuses too many', () => {
    const ring = new PlainRing(RING_BYTES)
    const readers = Array.from({ length: 10 }, () => ring.createReader(false))
    readers[3]?.close()
    expect(ring.createReader(false).index).toBe(3)
    expect(new Set(readers.map(({ index }) => index)).size).toBe(10)
    expect(() => {
      for (let count = 0; count < 5_000; count += 1) ring.createReader(false)
    }).toThrow('1024 subscribers')
  })

  it('keeps a new reader when a detached one with the same index is closed', () => {
    const ring = new PlainRing(RING_BYTES)
    const old = ring.createReader(true)
    ring.detach(old.index)
    const reader = ring.createReader(true)
    expect(reader.index).toBe(old.index)
    old.close()
    expect(ring.slowest()).toBe(reader.index)
    reader.close()
    expect(ring.slowest()).toBe(-1)
  })

  it('matches a model in random runs', () => {
    const random = randomFrom(newSeed('plain ring'))
    for (let run = 0; run < 20; run += 1) {
      const ring = new PlainRing(RING_BYTES)
      const readers = Array.from({ length: 3 }, () => ({ reader: ring.createReader(false), next: 1 }))
      let published = 0
      for (let step = 0; step < 500; step += 1) {
        for (let burst = integerFrom(random, 0, 40); burst > 0; burst -= 1) {
          published += 1
          const body = String(published).padEnd(integerFrom(random, 1, 600), '.')
          expect(ring.publish(Buffer.from(body), NO_PREFIX, 0)).toBe(published)
        }
        const each = readers[integerFrom(random, 0, 2)] as (typeof readers)[0]
        const target = Buffer.alloc(4 * 1024)
        const count = each.reader.receive(target, 0, false)
        if (count === 0) continue
        expect(each.reader.firstSequence).toBe(each.next + each.reader.lost)
        const [offset = 0, , , length = 0] = each.reader.descriptors
        expect(Number.parseInt(target.toString('latin1', offset, offset + length), 10)).toBe(
          each.reader.firstSequence,
        )
        each.next = each.reader.firstSequence + count
      }
      expect(readers.every(({ next }) => next <= published + 1)).toBe(true)
    }
  })
})
