import { expect, it } from 'vitest'
import { Outbox } from '../../../src/channel/outbox.js'
import type { Link } from '../../../src/link/link.js'
import { RecordKind } from '../../../src/wire/record-kind.js'
import { NarrowLink } from '../../support/narrow-link.js'

const LONG = 'L'.repeat(250)

/** A link whose peer reads while the record is copied: each question for room grants the next number of bytes. */
class DrainedLink extends NarrowLink {
  readonly sources: { payload: Uint8Array; owned: boolean }[] = []
  readonly #grants: readonly number[]
  #asked = 0

  constructor(grants: readonly number[]) {
    super()
    this.#grants = grants
  }

  hasRoom(): boolean {
    this.room += this.#grants[this.#asked % this.#grants.length] as number
    this.#asked += 1
    return this.room > 0
  }

  override write(kind: number, id: number, payload: Uint8Array, offset: number, owned = false): number {
    this.sources.push({ payload, owned })
    return super.write(kind, id, payload, offset)
  }
}

/** A link that keeps what it was given until `flush`. */
class KeepingLink extends NarrowLink {
  readonly kept: ArrayBufferLike[] = []
  #flushed: (() => void)[] = []

  override write(kind: number, id: number, payload: Uint8Array, offset: number, owned = false): number {
    if (!owned) return super.write(kind, id, payload, offset)
    this.kept.push(payload.buffer)
    return payload.length
  }

  afterFlush(flushed: () => void): void {
    this.#flushed.push(flushed)
  }

  flush(): boolean {
    for (const flushed of this.#flushed.splice(0)) flushed()
    return true
  }
}

it.each([
  { grants: [0] },
  { grants: [0, 0, 200_000] },
  { grants: [1, 70_000] },
  { grants: [128 * 1024] },
  { grants: [300_000] },
  { grants: [10_000_000] },
])('copies only what the peer makes no room for meanwhile, and marks only its own memory (%o)', (drain) => {
  const drained = new DrainedLink(drain.grants)
  const outbox = new Outbox(drained as unknown as Link, { keep: (payload) => payload })
  const payloads = [1_000_003, 128 * 1024 + 1, 5_000_000].map((length) => {
    const payload = Buffer.alloc(length)
    for (let at = 0; at < length; at += 1) payload[at] = 97 + ((at * 31 + length) % 26)
    return payload
  })
  for (const payload of payloads) {
    drained.room = 100
    drained.sources.length = 0
    const reused = Buffer.from(payload)
    expect(outbox.tryPush(RecordKind.MESSAGE, 0, reused)).toBe(true)
    reused.fill('!')
    drained.room = 100
    while (!outbox.pump()) drained.room = 1_000_000
    expect(drained.sources.every((source) => source.owned === (source.payload !== reused))).toBe(true)
    // Beyond the first step, nothing needs a copy if the peer reads at once.
    if (drain.grants[0] === 10_000_000 && payload.length > 1_000_000)
      expect(drained.sources.every(({ owned }) => !owned)).toBe(true)
  }
  expect(drained.got.map((text, index) => text === payloads[index]?.toString())).toEqual([true, true, true])
  expect(outbox.counters).toEqual({
    messagesSent: payloads.length,
    bytesSent: payloads.reduce((sum, { length }) => sum + length, 0),
  })
})

it('uses the memory of a copy again after the link has flushed it, but neither before nor after a failure', () => {
  const keeping = new KeepingLink()
  const keep = (payload: Uint8Array): Uint8Array => payload
  const push = (own: Outbox): void => {
    keeping.room = 100
    expect(own.tryPush(RecordKind.MESSAGE, 0, Buffer.from(LONG))).toBe(true)
  }
  const [first, second] = [0, 1].map(() => new Outbox(keeping as unknown as Link, { keep })) as [
    Outbox,
    Outbox,
  ]
  push(first)
  push(second)
  first.fail(new Error('the link failed'), false)
  push(second)
  const [failed, ...open] = keeping.kept
  expect(new Set(keeping.kept).size).toBe(3)
  keeping.flush()
  push(second)
  expect(open).toContain(keeping.kept[3])
  expect(keeping.kept[3]).not.toBe(failed)
})

it('copies a begun record that is withdrawn, unless it has copied it before', () => {
  const keeping = new NarrowLink()
  for (const keep of [(payload: Uint8Array) => payload, (payload: Uint8Array) => Buffer.from(payload)]) {
    const own = new Outbox(keeping as unknown as Link, { keep })
    const payload = Buffer.from(LONG)
    keeping.room = 100
    const waiting = own.push(RecordKind.REQUEST, 1, payload)
    const kept = waiting?.payload
    expect(waiting !== undefined && own.withdraw(waiting)).toBe(false)
    expect(waiting?.payload === kept).toBe(kept !== payload)
    payload.fill('!')
    keeping.room = 1000
    expect(own.pump()).toBe(true)
  }
  expect(keeping.got).toEqual([LONG, LONG])
})
