import { beforeEach, describe, expect, it } from 'vitest'
import type { Outgoing } from '../../../src/channel/outbox.js'
import { OutgoingRequests, REQUESTS_OPEN_MAX } from '../../../src/channel/outgoing-requests.js'
import { encodeRemoteError } from '../../../src/channel/remote-error.js'
import { WaitingBytes } from '../../../src/channel/waiting-bytes.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'

/** Sends no record, but keeps the id of each request. */
class FakeSender {
  readonly ids = new Map<Uint8Array, number>()
  readonly cancelled: number[] = []
  closeChecks = 0
  readonly waitingBytes = new WaitingBytes()
  /** Requests wait for room from now on, and can be withdrawn. */
  full = false
  readonly waiting = new Set<Outgoing>()

  encode(message: unknown): Uint8Array {
    return message as Uint8Array
  }

  push(_kind: number, id: number, payload: Uint8Array): Outgoing | undefined {
    this.ids.set(payload, id)
    if (!this.full) return undefined
    const outgoing = { id } as Outgoing
    this.waiting.add(outgoing)
    return outgoing
  }

  withdraw(outgoing: Outgoing): boolean {
    return this.waiting.delete(outgoing)
  }

  cancel(id: number): void {
    this.cancelled.push(id)
  }

  closeIfIdle(): void {
    this.closeChecks += 1
  }
}

const UNDECODABLE = Buffer.from('undecodable')

const codec = {
  keep: (payload: Uint8Array) => payload,
  decode: (payload: Buffer) => {
    if (payload.equals(UNDECODABLE)) throw new Error('cannot be decoded')
    return payload.toString()
  },
}
let sender: FakeSender
beforeEach(() => {
  sender = new FakeSender()
})

/** A request and its outcome. */
class Asked {
  outcome: unknown
  readonly giveUp: () => void
  readonly #payload = new Uint8Array(1)

  constructor(requests: OutgoingRequests) {
    this.giveUp = requests.begin(
      this.#payload,
      (reply) => {
        this.outcome = reply
      },
      (error) => {
        this.outcome = error
      },
    )
  }

  get id(): number | undefined {
    return sender.ids.get(this.#payload)
  }
}

function askMany(requests: OutgoingRequests, count: number): Asked[] {
  return Array.from({ length: count }, () => new Asked(requests))
}

describe('requests', () => {
  it('get unique ids above 0, and their own answers', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, 3)
    expect(new Set(asked.map(({ id }) => id)).size).toBe(3)
    expect(asked.every(({ id }) => (id as number) > 0)).toBe(true)
    for (const { id } of asked.toReversed())
      expect(requests.settle(id as number, Buffer.from(`to ${id}`), false)).toBe(true)
    for (const { id, outcome } of asked) expect(outcome).toBe(`to ${id}`)
    expect([requests.openCount, requests.idle]).toEqual([0, true])
  })

  it('wait in order for a free slot beyond the limit', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 3)
    const late = asked.slice(-3)
    expect(late.map(({ id }) => id)).toEqual([undefined, undefined, undefined])
    expect(requests.openCount).toBe(REQUESTS_OPEN_MAX)
    requests.settle(asked[5]?.id as number, Buffer.alloc(0), false)
    expect(late.map(({ id }) => id !== undefined)).toEqual([true, false, false])
    requests.settle(asked[6]?.id as number, Buffer.alloc(0), false)
    expect(late.map(({ id }) => id !== undefined)).toEqual([true, true, false])
    expect(requests.openCount).toBe(REQUESTS_OPEN_MAX)
  })

  it('report an answer that arrives twice, or without a request', () => {
    const requests = new OutgoingRequests(sender, codec)
    const [asked] = askMany(requests, 1) as [Asked]
    expect(requests.settle(77, Buffer.alloc(0), false)).toBe(false)
    expect(requests.settle(asked.id as number, Buffer.alloc(0), false)).toBe(true)
    expect(requests.settle(asked.id as number, Buffer.alloc(0), false)).toBe(false)
  })

  it('reject a reply that cannot be decoded', () => {
    const requests = new OutgoingRequests(sender, codec)
    const [asked] = askMany(requests, 1) as [Asked]
    expect(requests.settle(asked.id as number, UNDECODABLE, false)).toBe(true)
    expect(asked.outcome).toMatchObject({ message: 'cannot be decoded' })
  })

  it('hold their slot after they are cancelled until the peer has answered', () => {
    const requests = new OutgoingRequests(sender, codec)
    const [asked] = askMany(requests, 1) as [Asked]
    asked.giveUp()
    expect([sender.cancelled, sender.closeChecks]).toEqual([[asked.id], 1])
    expect([requests.openCount, requests.idle]).toEqual([1, true])
    expect(requests.settle(asked.id as number, Buffer.from('late'), false)).toBe(true)
    expect([asked.outcome, requests.openCount]).toEqual([undefined, 0])
  })

  it('are never sent when they are cancelled while they wait for a slot', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    const [given, kept] = asked.slice(-2) as [Asked, Asked]
    given.giveUp()
    expect(sender.cancelled).toEqual([])
    requests.settle(asked[0]?.id as number, Buffer.alloc(0), false)
    expect(given.id).toBeUndefined()
    expect(kept.id).toBeDefined()
  })

  it('send a cancellation when they are cancelled after they waited and were sent', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 1)
    requests.settle(asked[0]?.id as number, Buffer.alloc(0), false)
    const last = asked.at(-1) as Asked
    last.giveUp()
    expect(sender.cancelled).toEqual([last.id])
  })

  it('free their slot at once when they are cancelled while they wait for room', () => {
    sender.full = true
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 1)
    const [first, last] = [asked[0] as Asked, asked.at(-1) as Asked]
    first.giveUp()
    expect(sender.cancelled).toEqual([])
    expect(last.id).toBeDefined()
    expect([requests.openCount, sender.waiting.size]).toEqual([REQUESTS_OPEN_MAX, REQUESTS_OPEN_MAX])
    expect(requests.settle(first.id as number, Buffer.alloc(0), false)).toBe(false)
  })

  it('are idle while every open request is cancelled', () => {
    const requests = new OutgoingRequests(sender, codec)
    const [first, second] = askMany(requests, 2) as [Asked, Asked]
    const idle = [requests.idle]
    for (const step of [
      () => first.giveUp(),
      () => first.giveUp(),
      () => requests.settle(first.id as number, Buffer.alloc(0), true),
      () => second.giveUp(),
      () => requests.settle(second.id as number, Buffer.alloc(0), true),
    ]) {
      step()
      idle.push(requests.idle)
    }
    expect(idle).toEqual([false, false, false, false, true, true])
  })

  it('do not change when one is cancelled twice, or after its answer', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    const [given, kept] = asked.slice(-2) as [Asked, Asked]
    given.giveUp()
    given.giveUp()
    requests.settle(asked[0]?.id as number, Buffer.from('answer'), false)
    asked[0]?.giveUp()
    expect(sender.cancelled).toEqual([])
    expect([asked[0]?.outcome, kept.id !== undefined]).toEqual(['answer', true])
  })

  it('all fail together, sent or not, except cancelled ones', () => {
    const requests = new OutgoingRequests(sender, codec)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    asked[0]?.giveUp()
    requests.fail(new Error('gone'))
    expect(asked[0]?.outcome).toBeUndefined()
    expect(asked.slice(1).every(({ outcome }) => (outcome as Error).message === 'gone')).toBe(true)
    expect([requests.openCount, requests.idle]).toEqual([0, true])
  })

  it('stay open when they begin while the others fail', () => {
    const requests = new OutgoingRequests(sender, codec)
    const again: Asked[] = []
    requests.begin(
      new Uint8Array(0),
      () => {},
      () => again.push(new Asked(requests)),
    )
    requests.fail(new Error('gone'))
    expect([again.length, requests.openCount]).toEqual([1, 1])
  })
})

describe('the error of a handler', () => {
  function received(thrown: unknown, bytesMax = 10_000): ShmwireError {
    const requests = new OutgoingRequests(sender, codec)
    const [asked] = askMany(requests, 1) as [Asked]
    requests.settle(asked.id as number, encodeRemoteError(thrown, bytesMax), true)
    expect(asked.outcome).toBeInstanceOf(ShmwireError)
    return asked.outcome as ShmwireError
  }

  it('arrives as REMOTE with its name, message and code', () => {
    const error = received(Object.assign(new RangeError('too far'), { code: 'E_FAR' }))
    expect(error).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: 'E_FAR' })
    expect(error.message).toContain('RangeError: too far')
  })

  it.each([['a string'], [undefined], [null], [7], [{ message: 'no error' }]])(
    'arrives when it is not an error: %j',
    (thrown) => {
      expect(received(thrown)).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: undefined })
    },
  )

  it('is cut when it is long, and omitted when the rest is still too long', () => {
    const long = received(new Error('x'.repeat(100_000)))
    expect(long.message.length).toBeLessThan(5_000)
    expect(received(new Error('short'), 10).message).toBe("the peer's handler failed")
  })

  it('is not decoded when it is longer than the limit', () => {
    const requests = new OutgoingRequests(sender, codec)
    const [asked] = askMany(requests, 1) as [Asked]
    requests.settle(asked.id as number, Buffer.alloc(64 * 1024 + 1, '['), true)
    expect(asked.outcome).toMatchObject({
      code: ErrorCode.REMOTE,
      message: /65537 bytes is longer than 65536/,
    })
  })

  it.each(['', '{', 'null', '[]', '7', '{"name":7,"message":{},"code":[]}'])(
    'is REMOTE for the payload %j',
    (payload) => {
      const requests = new OutgoingRequests(sender, codec)
      const [asked] = askMany(requests, 1) as [Asked]
      requests.settle(asked.id as number, Buffer.from(payload), true)
      expect(asked.outcome).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: undefined })
    },
  )
})
