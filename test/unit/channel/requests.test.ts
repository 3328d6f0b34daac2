import { beforeEach, describe, expect, it } from 'vitest'
import type { Outgoing } from '../../../src/channel/outbox.js'
import { encodeRemoteError } from '../../../src/channel/remote-error.js'
import { REQUESTS_OPEN_MAX, Requests, type RequestsHost } from '../../../src/channel/requests.js'
import { ErrorCode, ShmwireError } from '../../../src/errors.js'

/** Sends nothing anywhere, but notes which request has which id. */
class FakeHost implements RequestsHost {
  readonly ids = new Map<Uint8Array, number>()
  /** What is sent waits for room from now on, and can be withdrawn. */
  full = false
  readonly waiting = new Set<Outgoing>()

  send(id: number, payload: Uint8Array): Outgoing | undefined {
    this.ids.set(payload, id)
    if (!this.full) return undefined
    const outgoing = { id } as Outgoing
    this.waiting.add(outgoing)
    return outgoing
  }

  withdraw(outgoing: Outgoing): boolean {
    return this.waiting.delete(outgoing)
  }
}

let host: FakeHost
beforeEach(() => {
  host = new FakeHost()
})

/** A request and how it went. */
class Asked {
  outcome: unknown
  readonly giveUp: () => number | undefined
  readonly #payload = new Uint8Array(1)

  constructor(requests: Requests) {
    this.giveUp = requests.begin(
      this.#payload,
      (payload) => {
        this.outcome = payload.toString()
      },
      (error) => {
        this.outcome = error
      },
    )
  }

  get id(): number | undefined {
    return host.ids.get(this.#payload)
  }
}

function askMany(requests: Requests, count: number): Asked[] {
  return Array.from({ length: count }, () => new Asked(requests))
}

describe('requests', () => {
  it('get ids of their own, above 0, and each its own answer', () => {
    const requests = new Requests(host)
    const asked = askMany(requests, 3)
    expect(new Set(asked.map(({ id }) => id)).size).toBe(3)
    expect(asked.every(({ id }) => (id as number) > 0)).toBe(true)
    for (const { id } of asked.toReversed())
      expect(requests.settle(id as number, Buffer.from(`to ${id}`), false)).toBe(true)
    for (const { id, outcome } of asked) expect(outcome).toBe(`to ${id}`)
    expect([requests.openCount, requests.idle]).toEqual([0, true])
  })

  it('beyond the bound wait, in order, for a free slot', () => {
    const requests = new Requests(host)
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

  it('an answer that comes twice, or to nothing, is the fault of the peer', () => {
    const requests = new Requests(host)
    const [asked] = askMany(requests, 1) as [Asked]
    expect(requests.settle(77, Buffer.alloc(0), false)).toBe(false)
    expect(requests.settle(asked.id as number, Buffer.alloc(0), false)).toBe(true)
    expect(requests.settle(asked.id as number, Buffer.alloc(0), false)).toBe(false)
  })

  it('that are given up hold their slot until the peer has answered, and want no answer', () => {
    const requests = new Requests(host)
    const [asked] = askMany(requests, 1) as [Asked]
    expect(asked.giveUp()).toBe(asked.id)
    expect([requests.openCount, requests.idle]).toEqual([1, true])
    expect(requests.settle(asked.id as number, Buffer.from('late'), false)).toBe(true)
    expect([asked.outcome, requests.openCount]).toEqual([undefined, 0])
  })

  it('that are given up before they were sent are forgotten, and never sent', () => {
    const requests = new Requests(host)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    const [given, kept] = asked.slice(-2) as [Asked, Asked]
    expect(given.giveUp()).toBeUndefined()
    requests.settle(asked[0]?.id as number, Buffer.alloc(0), false)
    expect(given.id).toBeUndefined()
    expect(kept.id).toBeDefined()
  })

  it('that waited and were then sent tell their id when they are given up', () => {
    const requests = new Requests(host)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 1)
    requests.settle(asked[0]?.id as number, Buffer.alloc(0), false)
    const last = asked.at(-1) as Asked
    expect(last.giveUp()).toBe(last.id)
  })

  it('that are given up while they wait for room are withdrawn, and free their slot at once', () => {
    host.full = true
    const requests = new Requests(host)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 1)
    const [first, last] = [asked[0] as Asked, asked.at(-1) as Asked]
    expect(first.giveUp()).toBeUndefined()
    expect(last.id).toBeDefined()
    expect([requests.openCount, host.waiting.size]).toEqual([REQUESTS_OPEN_MAX, REQUESTS_OPEN_MAX])
    expect(requests.settle(first.id as number, Buffer.alloc(0), false)).toBe(false)
  })

  it('are idle while all that is open was given up', () => {
    const requests = new Requests(host)
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

  it('giving up twice, or after the answer, does nothing to others', () => {
    const requests = new Requests(host)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    const [given, kept] = asked.slice(-2) as [Asked, Asked]
    given.giveUp()
    given.giveUp()
    requests.settle(asked[0]?.id as number, Buffer.from('answer'), false)
    expect(asked[0]?.giveUp()).toBeUndefined()
    expect([asked[0]?.outcome, kept.id !== undefined]).toEqual(['answer', true])
  })

  it('all fail at once, sent or not, but for those that were given up', () => {
    const requests = new Requests(host)
    const asked = askMany(requests, REQUESTS_OPEN_MAX + 2)
    asked[0]?.giveUp()
    requests.fail(new Error('gone'))
    expect(asked[0]?.outcome).toBeUndefined()
    expect(asked.slice(1).every(({ outcome }) => (outcome as Error).message === 'gone')).toBe(true)
    expect([requests.openCount, requests.idle]).toEqual([0, true])
  })

  it('a failure while the rejected ask anew leaves only the new ones', () => {
    const requests = new Requests(host)
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

describe('what a handler threw', () => {
  function told(thrown: unknown, bytesMax = 10_000): ShmwireError {
    const requests = new Requests(host)
    const [asked] = askMany(requests, 1) as [Asked]
    requests.settle(asked.id as number, encodeRemoteError(thrown, bytesMax), true)
    expect(asked.outcome).toBeInstanceOf(ShmwireError)
    return asked.outcome as ShmwireError
  }

  it('arrives as REMOTE with its name, message and code', () => {
    const error = told(Object.assign(new RangeError('too far'), { code: 'E_FAR' }))
    expect(error).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: 'E_FAR' })
    expect(error.message).toContain('RangeError: too far')
  })

  it.each([['a string'], [undefined], [null], [7], [{ message: 'no error' }]])(
    'arrives when it is no error: %j',
    (thrown) => {
      expect(told(thrown)).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: undefined })
    },
  )

  it('is cut when it is long, and left out when even that is too long', () => {
    const long = told(new Error('x'.repeat(100_000)))
    expect(long.message.length).toBeLessThan(5_000)
    expect(told(new Error('short'), 10).message).toBe("the peer's handler failed")
  })

  it('is not decoded when it is longer than any honest one', () => {
    const requests = new Requests(host)
    const [asked] = askMany(requests, 1) as [Asked]
    requests.settle(asked.id as number, Buffer.alloc(64 * 1024 + 1, '['), true)
    expect(asked.outcome).toMatchObject({
      code: ErrorCode.REMOTE,
      message: /65537 bytes is longer than 65536/,
    })
  })

  it.each(['', '{', 'null', '[]', '7', '{"name":7,"message":{},"code":[]}'])(
    'is input: the payload %j is REMOTE all the same',
    (payload) => {
      const requests = new Requests(host)
      const [asked] = askMany(requests, 1) as [Asked]
      requests.settle(asked.id as number, Buffer.from(payload), true)
      expect(asked.outcome).toMatchObject({ code: ErrorCode.REMOTE, remoteCode: undefined })
    },
  )
})
