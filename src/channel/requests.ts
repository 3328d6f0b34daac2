import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

/**
 * Requests that one side may have open at once. A protocol constant (docs/protocol.md): the requester lets
 * further ones wait, so the answering side can hold the peer to it and its memory stays bounded
 * without ever having to stop reading, which could leave two full sides waiting for each other.
 */
export const REQUESTS_OPEN_MAX = 4096

interface Pending {
  readonly resolve: (payload: Buffer) => void
  readonly reject: (error: Error) => void
  /** The caller has given up; the slot is free when the peer's answer has come. */
  cancelled: boolean
}

interface Waiting {
  readonly send: (id: number) => void
  readonly pending: Pending
}

/** The asking side: which requests are open, and which wait for their turn. */
export class Requests {
  readonly #open = new Map<number, Pending>()
  #waiting: Waiting[] = []
  #lastId = 0

  get openCount(): number {
    return this.#open.size
  }

  /** The next request will have to wait for its turn. */
  get full(): boolean {
    return this.#open.size >= REQUESTS_OPEN_MAX
  }

  /** No request is open or waits, but for cancelled ones. */
  get idle(): boolean {
    if (this.#waiting.length > 0) return false
    for (const pending of this.#open.values()) if (!pending.cancelled) return false
    return true
  }

  /**
   * Sends a request, at once or when a slot is free. `send` gets the id. Returns how to give up: it returns
   * the id whose cancellation the peer should hear of, if it may know of it.
   */
  begin(
    send: (id: number) => void,
    resolve: (payload: Buffer) => void,
    reject: (error: Error) => void,
  ): () => number | undefined {
    const pending: Pending = { resolve, reject, cancelled: false }
    if (!this.full) {
      const id = this.#nextId()
      this.#open.set(id, pending)
      send(id)
      return () => this.#cancel(id, pending)
    }
    const waiting: Waiting = {
      pending,
      send: (id) => {
        sentId = id
        send(id)
      },
    }
    let sentId: number | undefined
    this.#waiting.push(waiting)
    return () => {
      if (sentId !== undefined) return this.#cancel(sentId, pending)
      const index = this.#waiting.indexOf(waiting)
      if (index >= 0) this.#waiting.splice(index, 1)
      return undefined
    }
  }

  /** The peer's answer. An id that is not open is an answer that comes twice, or to nothing: the peer's fault, returned as false. */
  settle(id: number, payload: Buffer, failed: boolean): boolean {
    const pending = this.#open.get(id)
    if (pending === undefined) return false
    this.forget(id)
    if (pending.cancelled) return true
    if (failed) pending.reject(decodeRemoteError(payload))
    else pending.resolve(payload)
    return true
  }

  /** Frees the slot of a request that is answered, or that was taken back before the peer could see it. */
  forget(id: number): void {
    this.#open.delete(id)
    const next = this.#waiting.shift()
    if (next === undefined) return
    const nextId = this.#nextId()
    this.#open.set(nextId, next.pending)
    next.send(nextId)
  }

  /** Rejects everything. */
  fail(error: Error): void {
    const all = [...this.#open.values(), ...this.#waiting.map((waiting) => waiting.pending)]
    this.#open.clear()
    this.#waiting = []
    for (const pending of all) if (!pending.cancelled) pending.reject(error)
  }

  #cancel(id: number, pending: Pending): number | undefined {
    if (this.#open.get(id) !== pending) return undefined
    pending.cancelled = true
    return id
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#lastId === 0 || this.#open.has(this.#lastId))
    return this.#lastId
  }
}

/** What an error tells the peer of itself; both sides cut longer texts. */
const ERROR_TEXT_MAX = 2 * 1024

/** The payload of an ERROR record: UTF-8 JSON whatever the codec; empty where even that is longer than `bytesMax`. */
export function encodeRemoteError(thrown: unknown, bytesMax: number): Buffer {
  const { name, message, code } = describe(thrown)
  const payload = Buffer.from(JSON.stringify({ name: textOf(name), message: textOf(message), code }))
  return payload.length <= bytesMax ? payload : Buffer.alloc(0)
}

/** Anything can be thrown, with accessors that throw again. */
function describe(thrown: unknown): { name: unknown; message: unknown; code: string | undefined } {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined }
    const { name, message } = thrown
    const { code } = thrown as { code?: unknown }
    return { name, message, code: typeof code === 'string' ? textOf(code) : undefined }
  } catch {
    return { name: 'Error', message: 'what it threw cannot be told', code: undefined }
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, ERROR_TEXT_MAX) : ''
}

function decodeRemoteError(payload: Buffer): ShmwireError {
  if (payload.length === 0) return new ShmwireError(ErrorCode.REMOTE, "the peer's handler failed")
  let told: { name?: unknown; message?: unknown; code?: unknown } | null
  try {
    told = JSON.parse(payload.toString()) as typeof told
  } catch (error) {
    // Its message quotes the payload, so it must not become the cause.
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error cannot be decoded: ${textOfThrown(error)}`,
    )
  }
  // Not of a handler: the peer's channel takes no requests any more.
  if (told?.name === 'ShmwireError' && told.code === ErrorCode.CLOSED) {
    return new ShmwireError(ErrorCode.CLOSED, 'the peer is closing the channel')
  }
  const name = typeof told?.name === 'string' ? textOf(told.name) : 'Error'
  const message = textOf(told?.message)
  return new ShmwireError(ErrorCode.REMOTE, `the peer's handler failed: ${name}: ${message}`, {
    remoteCode: typeof told?.code === 'string' ? textOf(told.code) : undefined,
  })
}
