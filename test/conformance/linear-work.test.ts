import { describe, expect, it } from 'vitest'
import { Outbox } from '../../src/channel/outbox.js'
import { OutgoingRequests, REQUESTS_OPEN_MAX } from '../../src/channel/outgoing-requests.js'
import { ReceiveQueue } from '../../src/channel/receive-queue.js'
import { WaitingBytes } from '../../src/channel/waiting-bytes.js'
import type { Link } from '../../src/link/link.js'
import { type Polled, poller } from '../../src/link/shm/poller.js'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { recordBound } from '../../src/wire/frames.js'
import { growth, type Prepare } from '../support/growth.js'

/** Quadratic work takes 64 times as long for eight times as much. Linear work takes more than 8 times as long where it leaves the caches. */
const FACTOR = 8
const GROWTH_MAX = 5 * FACTOR

const NO_BYTES = new Uint8Array(0)
const ignore = (): void => {}

function newRequests(): OutgoingRequests {
  const sender = {
    encode: () => NO_BYTES,
    push: () => undefined,
    withdraw: () => false,
    cancel: ignore,
    closeIfIdle: ignore,
    waitingBytes: new WaitingBytes(),
  }
  return new OutgoingRequests(sender, { keep: (payload) => payload, decode: ignore })
}

function askMany(requests: OutgoingRequests, count: number): (() => void)[] {
  return Array.from({ length: count }, () => requests.begin(NO_BYTES, ignore, ignore))
}

/** A link without room until the test frees some. */
function fullOutbox(): { outbox: Outbox; open: () => void } {
  let isFull = true
  const link = { write: (_kind: number, _id: number, payload: Uint8Array) => (isFull ? -1 : payload.length) }
  const outbox = new Outbox(link as unknown as Link, { keep: (payload) => payload })
  return {
    outbox,
    open: () => {
      isFull = false
    },
  }
}

class RestingLink implements Polled {
  pollIndex = -1
  poll(): number {
    return 0
  }
  rest(): boolean {
    return true
  }
}

describe('eight times as much work takes less than 40 times as long:', () => {
  it.each<[string, number, Prepare]>([
    [
      'messages that a receive queue holds',
      40_000,
      (size) => {
        const queue = new ReceiveQueue(ignore)
        for (let index = 0; index < size; index += 1) queue.push(index, 1)
        return () => {
          while (!queue.empty) queue.shift()
        }
      },
    ],
    [
      'calls of next() that wait for messages',
      10_000,
      (size) => {
        const queue = new ReceiveQueue(ignore)
        const iterator = queue.iterate(ignore)
        for (let index = 0; index < size; index += 1) void iterator.next()
        return () => {
          for (let index = 0; index < size; index += 1) queue.push(index, 1)
        }
      },
    ],
    [
      'records that wait for room and are sent',
      10_000,
      (size) => {
        const { outbox, open } = fullOutbox()
        for (let index = 0; index < size; index += 1) outbox.push(1, 0, NO_BYTES)
        open()
        return () => void outbox.pump()
      },
    ],
    [
      'records that wait for room and are withdrawn, the last one first',
      4_000,
      (size) => {
        const { outbox } = fullOutbox()
        const waiting = Array.from({ length: size }, () => outbox.push(1, 0, NO_BYTES))
        return () => {
          for (const outgoing of waiting.toReversed()) if (outgoing !== undefined) outbox.withdraw(outgoing)
          expect(outbox.length).toBe(0)
        }
      },
    ],
    [
      'requests that wait for a slot and receive replies',
      40_000,
      (size) => {
        const requests = newRequests()
        askMany(requests, size)
        const answer = Buffer.alloc(0)
        return () => {
          for (let id = 1; id <= size; id += 1) requests.settle(id, answer, false)
          expect(requests.idle).toBe(true)
        }
      },
    ],
    [
      'requests that wait for a slot and are cancelled, the last one first',
      4_000,
      (size) => {
        const requests = newRequests()
        const giveUps = askMany(requests, REQUESTS_OPEN_MAX + size)
        return () => {
          for (const giveUp of giveUps.toReversed()) giveUp()
          expect(requests.idle).toBe(true)
        }
      },
    ],
    [
      'checks for idle requests, one for each cancelled request',
      500,
      (size) => {
        const requests = newRequests()
        const giveUps = askMany(requests, size)
        return () => {
          // The result is used, else the compiler can remove the loop.
          let idle = 0
          for (const giveUp of giveUps) {
            giveUp()
            for (let count = 0; count < 100; count += 1) idle += requests.idle ? 1 : 0
          }
          expect(idle).toBe(100)
        }
      },
    ],
    [
      'chunks of a socket that are parsed later',
      40_000,
      (size) => {
        const parser = new FrameParser(recordBound(100))
        const chunk = Buffer.from([0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0])
        for (let index = 0; index < size; index += 1) parser.push(chunk)
        return () => {
          let frames = 0
          parser.parse(() => {
            frames += 1
            return true
          })
          expect(frames).toBe(size)
        }
      },
    ],
    [
      'links that wake and sleep again',
      8_000,
      (size) => {
        const links = Array.from({ length: size }, () => new RestingLink())
        return () => {
          for (const link of links) poller.wake(link)
          for (const link of links) poller.remove(link)
        }
      },
    ],
  ])('%s', async (_what, size, prepare) => {
    expect(await growth(prepare, size, FACTOR, GROWTH_MAX)).toBeLessThan(GROWTH_MAX)
  })
})
