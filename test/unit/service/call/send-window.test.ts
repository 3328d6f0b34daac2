import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type Grant,
  ReceiveWindow,
  SendWindow,
  WINDOW_BYTES,
  WINDOW_MESSAGES,
} from '../../../../src/service/call/send-window.js'

describe('a window', () => {
  it('is closed at 64 messages or at 256 KiB', () => {
    const messages = new SendWindow()
    for (let index = 0; index < WINDOW_MESSAGES; index += 1) {
      expect(messages.isOpen).toBe(true)
      messages.sent(1)
    }
    expect(messages.isOpen).toBe(false)
    const bytes = new SendWindow()
    bytes.sent(WINDOW_BYTES - 1)
    expect(bytes.isOpen).toBe(true)
    bytes.sent(10 * WINDOW_BYTES)
    expect(bytes.isOpen).toBe(false)
    expect(bytes.credit(1, WINDOW_BYTES - 1)).toBe(true)
    expect(bytes.isOpen).toBe(false)
    expect(bytes.credit(1, 10 * WINDOW_BYTES)).toBe(true)
    expect(bytes.isOpen).toBe(true)
  })

  it('refuses credit for messages that were not sent', () => {
    const window = new SendWindow()
    expect(window.credit(1, 0)).toBe(false)
    window.sent(10)
    expect(window.credit(1, 11)).toBe(false)
    expect(window.credit(2, 10)).toBe(false)
    expect(window.credit(1, 10)).toBe(true)
    expect(window.credit(0, 0)).toBe(true)
  })

  it('wakes its sender when credit opens it, and when the sender stops', async () => {
    const window = new SendWindow()
    window.sent(WINDOW_BYTES)
    window.sent(5)
    let woken = 0
    const wait = window.wait().then(() => {
      woken += 1
    })
    window.credit(1, 5)
    await Promise.resolve()
    expect(woken).toBe(0)
    window.credit(1, WINDOW_BYTES)
    await wait
    window.sent(WINDOW_BYTES)
    const again = window.wait()
    window.wake()
    await again
    window.wake()
    expect(window.isOpen).toBe(false)
  })

  it('grants what was taken, and the sender never stops for ever', () => {
    const lengths = fc.array(fc.oneof(fc.nat(2_000), fc.nat(3 * WINDOW_BYTES)), { maxLength: 300 })
    fc.assert(
      fc.property(lengths, fc.infiniteStream(fc.nat(5)), (all, steps) => {
        const sender = new SendWindow()
        const credits: Parameters<Grant>[] = []
        const receiver = new ReceiveWindow((...credit) => credits.push(credit))
        const waiting = [...all]
        const held: number[] = []
        while (waiting.length > 0 || held.length > 0) {
          const step = steps.next().value as number
          const next = waiting[0]
          if (step < 3 && next !== undefined && sender.isOpen) {
            waiting.shift()
            sender.sent(next)
            expect(receiver.received(next)).toBe(true)
            held.push(next)
            expect(held.length).toBeLessThanOrEqual(WINDOW_MESSAGES)
          } else if (held.length > 0) receiver.taken(held.shift() as number)
          else {
            // Everything is taken, so a closed window must have credit under way.
            const credit = credits.shift()
            if (next !== undefined && !sender.isOpen) expect(credit).toBeDefined()
            if (credit === undefined) continue
            const [messages, bytes, granted] = credit
            granted()
            expect(sender.credit(messages, bytes)).toBe(true)
          }
        }
      }),
    )
  })

  it('notices a sender that ignores it', () => {
    const messages = new ReceiveWindow(() => {})
    for (let index = 0; index < WINDOW_MESSAGES; index += 1) expect(messages.received(0)).toBe(true)
    expect(messages.received(0)).toBe(false)
    const bytes = new ReceiveWindow(() => {})
    expect([bytes.received(WINDOW_BYTES), bytes.received(0)]).toEqual([true, false])
  })
})
