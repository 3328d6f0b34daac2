import { Fifo } from '../../fifo.js'
import { nowMs } from '../../host.js'
import { OwnerCount } from '../owner-count.js'
import { HttpError } from './http-error.js'

/** A request with a key. */
export interface IdempotencyEntry {
  /** A hash of the owner, the method and the key, in 43 characters of base64url. */
  readonly id: string
  /** A hash of the method, the path, the query and the body of the request, in 43 characters of base64url. */
  readonly fingerprint: string
  /** The identity or the address of the client. For bounds only: it is a part of `id`. */
  readonly owner: string
}

/** The answer that a client got. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** The state of a key in a store. */
export type IdempotencyState = NewKey | RunningKey | AnsweredKey

/** The key is new, and now marked as running. */
export interface NewKey {
  readonly state: 'new'
}

/** Another request with the key is running. */
export interface RunningKey {
  readonly state: 'running'
  /** That of the first request. */
  readonly fingerprint: string
}

/** A request with the key has ended. */
export interface AnsweredKey {
  readonly state: 'answered'
  /** That of the first request. */
  readonly fingerprint: string
  /** Undefined: the store could not keep it. */
  readonly answer: StoredAnswer | undefined
}

/**
 * Remembers the requests with a key. A program can pass its own, for example a database that several gateways share. It must mark an entry as
 * running in one atomic step, and keep running entries until `finish`, or for longer than any call takes: a second request could run otherwise.
 */
export interface IdempotencyStore {
  /** An error refuses the request with 503, before it runs. */
  begin(entry: IdempotencyEntry): IdempotencyState | PromiseLike<IdempotencyState>
  /** Stores the answer; undefined: the request surely did not run, so its key becomes new again. After an error the entry must stay `running`. */
  finish(entry: IdempotencyEntry, answer: StoredAnswer | undefined): void | PromiseLike<void>
}

/** The bounds of the store in memory. */
export interface StoreBounds {
  /** How long an answer is kept. */
  readonly ttlMs: number
  readonly entriesMax: number
  /** Of all answers. */
  readonly bytesMax: number
}

interface Answered {
  readonly entry: IdempotencyEntry
  readonly answer: StoredAnswer | undefined
  readonly bytes: number
  readonly untilMs: number
}

/**
 * The store of one gateway, in memory. It forgets no answer before `ttlMs`: a full store refuses requests with new keys, and one owner can use
 * half of it. An answer without room is not kept, but its key is, so the request does not run again.
 */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #bounds: StoreBounds
  readonly #now: () => number
  readonly #entries: OwnerCount
  readonly #bytes: OwnerCount
  /** By id. */
  readonly #running = new Map<string, IdempotencyEntry>()
  /** By id. */
  readonly #answered = new Map<string, Answered>()
  /** The same, the first to expire first. */
  readonly #expiring = new Fifo<Answered>()

  constructor(bounds: StoreBounds, now: () => number = nowMs) {
    this.#bounds = bounds
    this.#now = now
    this.#entries = new OwnerCount(bounds.entriesMax)
    this.#bytes = new OwnerCount(bounds.bytesMax)
  }

  get size(): number {
    return this.#entries.count
  }

  get bytes(): number {
    return this.#bytes.count
  }

  begin(entry: IdempotencyEntry): IdempotencyState {
    this.#removeExpired()
    const running = this.#running.get(entry.id)
    if (running !== undefined) return { state: 'running', fingerprint: running.fingerprint }
    const answered = this.#answered.get(entry.id)
    if (answered !== undefined)
      return { state: 'answered', fingerprint: answered.entry.fingerprint, answer: answered.answer }
    if (!this.#entries.enter(entry.owner)) throw this.#full(entry.owner)
    this.#running.set(entry.id, entry)
    return { state: 'new' }
  }

  finish(entry: IdempotencyEntry, answer: StoredAnswer | undefined): void {
    if (!this.#running.delete(entry.id)) return
    if (answer === undefined) {
      this.#entries.leave(entry.owner)
      return
    }
    const size = bytesOf(answer)
    const fits = this.#bytes.enter(entry.owner, size)
    const untilMs = this.#now() + this.#bounds.ttlMs
    const answered = { entry, answer: fits ? answer : undefined, bytes: fits ? size : 0, untilMs }
    this.#answered.set(entry.id, answered)
    this.#expiring.push(answered)
  }

  #removeExpired(): void {
    const now = this.#now()
    for (
      let first = this.#expiring.first;
      first !== undefined && first.untilMs <= now;
      first = this.#expiring.first
    ) {
      const { entry, bytes } = first
      this.#expiring.shift()
      this.#answered.delete(entry.id)
      this.#entries.leave(entry.owner)
      this.#bytes.leave(entry.owner, bytes)
    }
  }

  #full(owner: string): HttpError {
    const { ownerMax, max } = this.#entries
    const options = { reason: 'IDEMPOTENCY_STORE_FULL' }
    if (this.#entries.countOf(owner) >= ownerMax)
      return new HttpError(
        429,
        'RESOURCE_EXHAUSTED',
        `the client has ${ownerMax} idempotency keys, the most that one may have; each is free again ${this.#bounds.ttlMs} ms after its answer`,
        options,
      )
    return new HttpError(
      503,
      'UNAVAILABLE',
      `the server remembers ${max} idempotency keys, which is its limit; the request has not run`,
      options,
    )
  }
}

function bytesOf({ headers, body }: StoredAnswer): number {
  const headerBytes = Object.entries(headers).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    0,
  )
  return headerBytes + body.length
}
