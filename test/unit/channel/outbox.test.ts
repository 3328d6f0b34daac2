import { beforeEach, describe, expect, it } from 'vitest'
import { Outbox } from '../../../src/channel/outbox.js'
import type { Link } from '../../../src/link/link.js'
import { collectGarbage } from '../../support/garbage.js'
import { NarrowLink } from '../../support/narrow-link.js'

let link: NarrowLink
let outbox: Outbox
beforeEach(() => {
  link = new NarrowLink()
  outbox = new Outbox(link as unknown as Link, { keep: (payload) => Buffer.from(payload) })
})

const LONG = 'L'.repeat(250)

describe('push', () => {
  it('writes a record at once when there is room, and settles it', () => {
    link.room = 10
    let settled = 0
    expect(outbox.push(1, 7, Buffer.from('abc'), () => (settled += 1))).toBeUndefined()
    expect([link.writes, settled, outbox.length]).toEqual([[{ kind: 1, id: 7, bytes: 'abc' }], 1, 0])
  })

  it('keeps the order of the calls when there is no room, even for records that would fit', () => {
    const settled: string[] = []
    link.room = 3
    for (const text of ['too long', 'abc', '']) outbox.push(1, 0, Buffer.from(text), () => settled.push(text))
    expect([link.got, settled, outbox.length]).toEqual([[], [], 3])
    link.room = 12
    expect(outbox.pump()).toBe(true)
    expect(link.got).toEqual(['too long', 'abc', ''])
    expect(settled).toEqual(['too long', 'abc', ''])
  })

  it('sends a long payload in parts, with nothing in between', () => {
    link.room = 100
    outbox.push(1, 0, Buffer.from(LONG))
    outbox.push(1, 0, Buffer.from('x'))
    for (let round = 0; round < 3; round += 1) {
      link.room = 60
      outbox.pump()
    }
    expect([link.got, outbox.length]).toEqual([[LONG, 'x'], 0])
  })

  it('copies only payloads that must wait', () => {
    const [taken, waiting] = [Buffer.from('taken'), Buffer.from('waiting')]
    link.room = 5
    const kept: Uint8Array[] = []
    const keep = (payload: Uint8Array): Buffer => {
      kept.push(payload)
      return Buffer.from(payload)
    }
    outbox = new Outbox(link as unknown as Link, { keep })
    outbox.push(1, 0, taken)
    outbox.push(1, 0, waiting)
    waiting.fill('!')
    expect(kept).toEqual([waiting])
    link.room = 100
    outbox.pump()
    expect(link.got).toEqual(['taken', 'waiting'])
  })

  it('keeps no reference to sent records, although one always waits', async () => {
    const sent: WeakRef<object>[] = []
    const push = (): void => {
      const settle = (): void => {}
      sent.push(new WeakRef(settle))
      outbox.push(1, 0, Buffer.from('x'), settle)
    }
    push()
    for (let count = 0; count < 10_000; count += 1) {
      push()
      link.room = 1
      outbox.pump()
    }
    expect(outbox.length).toBe(1)
    // A WeakRef keeps its target until the end of the turn that made it.
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
    expect(sent.filter((reference) => reference.deref() !== undefined).length).toBeLessThan(5_000)
  })

  it('settles a record when its last part was written, not its first', () => {
    let settled = 0
    link.room = 100
    outbox.push(1, 0, Buffer.from(LONG), () => (settled += 1))
    expect(settled).toBe(0)
    link.room = 150
    outbox.pump()
    expect(settled).toBe(1)
  })
})

describe('tryPush', () => {
  it('returns false and keeps nothing when there is no room', () => {
    expect(outbox.tryPush(1, 0, Buffer.from('abc'))).toBe(false)
    link.room = 100
    expect([outbox.pump(), link.got]).toEqual([true, []])
  })

  it('does not overtake a waiting record, although it would fit', () => {
    outbox.push(1, 0, Buffer.from('first'))
    link.room = 100
    expect(outbox.tryPush(1, 0, Buffer.from('second'))).toBe(false)
    outbox.pump()
    expect(link.got).toEqual(['first'])
    expect(outbox.tryPush(1, 0, Buffer.from('second'))).toBe(true)
  })

  it('accepts a long payload of which a part fits, and keeps a copy of the remainder', () => {
    link.room = 100
    const payload = Buffer.from(LONG)
    expect(outbox.tryPush(1, 0, payload)).toBe(true)
    payload.fill('!')
    link.room = 1_000
    expect(outbox.pump()).toBe(true)
    expect(link.got).toEqual([LONG])
  })

  it('keeps each of many payloads whole, longer and shorter ones in turn', () => {
    const payloads = [250, 900, 101, 5_000_000, 300, 4_999_999].map((length, index) =>
      Buffer.alloc(length, 'abcdef'.charAt(index)),
    )
    for (const payload of payloads) {
      link.room = 100
      const reused = Buffer.from(payload)
      expect(outbox.tryPush(1, 0, reused)).toBe(true)
      reused.fill('!')
      link.room = 10_000_000
      outbox.pump()
    }
    expect(link.got.map((text) => text.length)).toEqual(payloads.map(({ length }) => length))
    expect(payloads.every((payload, index) => payload.toString() === link.got[index])).toBe(true)
  })

  it('never keeps the remainders of two channels in the same memory', () => {
    const ends = [0, 1, 2, 3].map((index) => {
      const end = new NarrowLink()
      end.room = 100
      return {
        end,
        own: new Outbox(end as unknown as Link, { keep: (payload) => payload }),
        text: String(index).repeat(250),
      }
    })
    for (let round = 0; round < 3; round += 1) {
      for (const { end, own, text } of ends) {
        end.room = 100
        expect(own.tryPush(1, 0, Buffer.from(text))).toBe(true)
      }
      for (const { end, own } of ends) {
        end.room = 1_000
        own.pump()
      }
    }
    for (const { end, text } of ends) expect(end.got).toEqual([text, text, text])
  })

  it('finishes a begun record when the rest of the queue fails, and accepts no record before it', () => {
    link.room = 100
    outbox.tryPush(1, 0, Buffer.from(LONG))
    link.room = 1_000
    outbox.pump()
    const [first, second] = [Buffer.from(LONG), Buffer.alloc(250, 'M')]
    link.room = 100
    expect(outbox.tryPush(1, 0, first)).toBe(true)
    outbox.fail(new Error('closing'), true)
    expect(outbox.tryPush(1, 0, second)).toBe(false)
    link.room = 1_000
    outbox.pump()
    expect(link.got).toEqual([LONG, LONG])
  })
})

describe('pump', () => {
  it('returns false as long as a record waits', () => {
    outbox.push(1, 0, Buffer.from('a'))
    outbox.push(1, 0, Buffer.from('b'))
    expect(outbox.pump()).toBe(false)
    link.room = 1
    expect(outbox.pump()).toBe(false)
    link.room = 1
    expect(outbox.pump()).toBe(true)
    expect(link.got).toEqual(['a', 'b'])
  })

  it('sends records in order that a settled callback pushes', () => {
    outbox.push(1, 0, Buffer.from('a'), () => outbox.push(1, 0, Buffer.from('c')))
    outbox.push(1, 0, Buffer.from('b'))
    link.room = 100
    expect(outbox.pump()).toBe(true)
    expect([link.got, outbox.length]).toEqual([['a', 'b', 'c'], 0])
  })

  it('sends each record once when a settled callback pumps again', () => {
    outbox.push(1, 0, Buffer.from('a'), () => outbox.pump())
    outbox.push(1, 0, Buffer.from('b'))
    link.room = 100
    outbox.pump()
    expect([link.got, outbox.length]).toEqual([['a', 'b'], 0])
  })

  it('stops when a settled callback fails the outbox', () => {
    const settled: (string | undefined)[] = []
    outbox.push(1, 0, Buffer.from('a'), () => outbox.fail(new Error('over'), false))
    outbox.push(1, 0, Buffer.from('b'), (error) => settled.push(error?.message))
    link.room = 100
    outbox.pump()
    expect([link.got, settled, outbox.length]).toEqual([['a'], ['over'], 0])
  })
})

describe('withdraw', () => {
  it('removes a record that has not begun', () => {
    outbox.push(1, 0, Buffer.from('a'))
    const second = outbox.push(1, 0, Buffer.from('b'))
    outbox.push(1, 0, Buffer.from('c'))
    expect(second && outbox.withdraw(second)).toBe(true)
    link.room = 100
    outbox.pump()
    expect([link.got, outbox.length]).toEqual([['a', 'c'], 0])
  })

  it('does not remove a begun record, which continues from a copy', () => {
    link.room = 100
    const payload = Buffer.from(LONG)
    const outgoing = outbox.push(1, 0, payload)
    expect(outgoing && outbox.withdraw(outgoing)).toBe(false)
    payload.fill('!')
    link.room = 1_000
    outbox.pump()
    expect(link.got).toEqual([LONG])
  })

  it('returns false for a record that was sent', () => {
    const outgoing = outbox.push(1, 0, Buffer.from('a'))
    link.room = 100
    outbox.pump()
    expect(outgoing && outbox.withdraw(outgoing)).toBe(false)
  })
})

describe('fail', () => {
  it('settles all waiting records with the error, in order', () => {
    const settled: string[] = []
    for (const name of ['a', 'b'])
      outbox.push(1, 0, Buffer.from(name), (error) => settled.push(`${name} ${error?.message}`))
    outbox.fail(new Error('gone'), false)
    expect([settled, outbox.length]).toEqual([['a gone', 'b gone'], 0])
  })

  it('with keepBegun finishes only the record that the link has begun', () => {
    const settled: string[] = []
    const note = (name: string) => (error?: Error) => settled.push(`${name} ${error?.message ?? 'sent'}`)
    link.room = 100
    outbox.push(1, 0, Buffer.from(LONG), note('begun'))
    outbox.push(1, 0, Buffer.from('b'), note('b'))
    outbox.fail(new Error('closing'), true)
    expect(settled).toEqual(['b closing'])
    outbox.push(6, 0, Buffer.from(''), note('close'))
    link.room = 1_000
    outbox.pump()
    expect(settled).toEqual(['b closing', 'begun sent', 'close sent'])
    expect(link.got).toEqual([LONG, ''])
  })

  it('with keepBegun keeps no record that has not begun', () => {
    outbox.push(1, 0, Buffer.from('a'))
    outbox.fail(new Error('closing'), true)
    expect(outbox.length).toBe(0)
  })
})

describe('a claim whose memory was transferred', () => {
  it('is refused at any length, stays open, and lets the records behind it go once it is aborted', () => {
    const claim = outbox.claim(10) as Uint8Array<ArrayBuffer>
    outbox.push(1, 0, Buffer.from('behind'))
    structuredClone(claim.buffer, { transfer: [claim.buffer] })
    for (const length of [0, 1, 10])
      expect(() => outbox.commit(length)).toThrow(/was transferred before the commit/)
    expect(outbox.hasClaim).toBe(true)
    outbox.abort()
    link.room = 100
    expect(outbox.pump()).toBe(true)
    expect(link.got).toEqual(['behind'])
  })

  it('of no bytes is sent', () => {
    link.room = 100
    const claim = outbox.claim(0) as Uint8Array<ArrayBuffer>
    structuredClone(claim.buffer, { transfer: [claim.buffer] })
    outbox.commit(0)
    expect(outbox.pump()).toBe(true)
    expect(link.got).toEqual([''])
  })
})
