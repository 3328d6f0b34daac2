import { backOffMs } from '../../back-off.js'
import { waitWithin } from '../../deadline.js'
import { ErrorCode, replaceExecuted, ShmwireError } from '../../errors.js'
import { newAbortController, nowMs, sleep } from '../../host.js'
import type { WaitOptions } from '../../options.js'
import { Semaphore } from '../../semaphore.js'
import type { EngineConnection, MsgHdrs } from './connection.js'
import { faultOf, isFull, isPassing, isRefusal } from './faults.js'

/** A message for a stream. */
export interface StreamMessage {
  readonly subject: string
  readonly body: Uint8Array
  readonly headers: MsgHdrs
  /** The stream stores a second message with this id within its window only once. */
  readonly id: string
}

export interface Stored {
  readonly sequence: number
  /** The stream has already had a message with this id. */
  readonly duplicate: boolean
  /** An earlier attempt of this call had no answer, so that message can be its own. */
  readonly canBeOwn: boolean
}

export interface PublisherOptions {
  /** For errors: `the queue "mail"`. */
  readonly what: string
  /** The same message may be sent again for so long. */
  readonly dedupWindowMs: number
}

/** Publishes that wait for the server, at most. The others wait in their order. */
const IN_FLIGHT_MAX = 4096
/** Calls that wait in this process. */
const WAITING_MAX = 100_000
const WAIT_MIN_MS = 10
const WAIT_MAX_MS = 500

/**
 * Stores messages in a stream, each exactly once within the dedup window. While the servers do not answer, the same message is sent again.
 * While the stream is full, one call at a time tests for room, and the others wait behind it in their order.
 */
export class StreamPublisher {
  readonly #connection: EngineConnection
  readonly #what: string
  readonly #resendMs: number
  readonly #inFlight = new Semaphore(IN_FLIGHT_MAX)
  readonly #fullness = new Semaphore(1)
  /** Calls that have found the stream full. */
  #blocked = 0
  #waiting = 0

  constructor(connection: EngineConnection, { what, dedupWindowMs }: PublisherOptions) {
    this.#connection = connection
    this.#what = what
    // The window begins when the server stores the message, which can be just after it was sent.
    this.#resendMs = Math.max(0, dedupWindowMs - connection.settings.answerMs)
  }

  /**
   * Resolves when the stream has stored the message. Rejects with `MESSAGE_TOO_LARGE`, `BACKLOG`, `TIMEOUT`, `ABORTED`, `UNAVAILABLE`, …;
   * `executed` says whether the stream may have it.
   */
  async publish(message: StreamMessage, wait: WaitOptions): Promise<Stored> {
    this.#assertFits(message)
    if (this.#waiting >= WAITING_MAX)
      throw new ShmwireError(
        ErrorCode.BACKLOG,
        `${this.#what}: ${WAITING_MAX} messages wait for the server; await earlier calls first`,
        { executed: 'no' },
      )
    const attempt = new Attempt(wait)
    this.#waiting += 1
    try {
      // Most calls have no limit, and each wait costs time.
      if (wait.signal === undefined && wait.timeoutMs === undefined) return await this.#run(message, attempt)
      return await waitWithin<Stored>(wait, `${this.#what}: the call`, (resolve, reject) => {
        this.#run(message, attempt).then(resolve, reject)
        return () => attempt.cancel()
      })
    } catch (error) {
      throw withExecuted(error, attempt.executed, this.#what)
    } finally {
      this.#waiting -= 1
    }
  }

  #run(message: StreamMessage, attempt: Attempt): Promise<Stored> {
    if (this.#blocked > 0) return this.#waitForRoom(message, attempt)
    return this.#inFlight
      .run(() => this.#send(message, attempt))
      .catch((error: unknown) => {
        if (!isFull(error)) throw error
        return this.#waitForRoom(message, attempt)
      })
  }

  async #waitForRoom(message: StreamMessage, attempt: Attempt): Promise<Stored> {
    this.#blocked += 1
    try {
      return await this.#fullness.run(async () => {
        for (let tries = 1; ; tries += 1) {
          attempt.assertWaits()
          try {
            return await this.#send(message, attempt)
          } catch (error) {
            if (!isFull(error)) throw error
          }
          await attempt.sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
        }
      })
    } finally {
      this.#blocked -= 1
    }
  }

  /** Sends the message until the server answers. */
  async #send({ subject, body, headers, id }: StreamMessage, attempt: Attempt): Promise<Stored> {
    const { client, settings } = this.#connection
    const options = { timeout: settings.answerMs, headers, ...(id === '' ? {} : { msgID: id }) }
    const beginMs = nowMs()
    for (let tries = 1; ; tries += 1) {
      attempt.assertWaits()
      attempt.executed = 'unknown'
      try {
        const { seq, duplicate } = await client.publish(subject, body, options)
        return { sequence: seq, duplicate, canBeOwn: attempt.isUncertain }
      } catch (error) {
        attempt.failed(error)
        const canRepeat = id !== '' && nowMs() - beginMs < this.#resendMs
        if (!canRepeat || !isPassing(error)) throw error
      }
      await attempt.sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
    }
  }

  #assertFits({ body, headers }: StreamMessage): void {
    const { maxPayloadBytes } = this.#connection
    if (body.length + HEADERS_BYTES_MOST <= maxPayloadBytes) return
    let bytes = body.length
    for (const [name, values] of headers)
      for (const value of values) bytes += name.length + Buffer.byteLength(value) + 4
    if (bytes + HEADERS_EXTRA_BYTES <= maxPayloadBytes) return
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `${this.#what}: the message and its headers are ${bytes} bytes, and the server accepts ${maxPayloadBytes} with ` +
        `${HEADERS_EXTRA_BYTES} for its own headers; raise max_payload of the server`,
      { executed: 'no' },
    )
  }
}

/** For the id and the expectations of JetStream. */
const HEADERS_EXTRA_BYTES = 512
/** The headers of a message and those of the engine together have fewer bytes: see messaging/headers.ts, and base64 for some of them. */
const HEADERS_BYTES_MOST = 32 * 1024

/** One call of `publish`. */
class Attempt {
  #isCancelled = false
  /** Only of a call that sleeps. */
  #waking: AbortController | undefined
  readonly #signal: AbortSignal | undefined
  executed: 'no' | 'unknown' = 'no'
  /** The server did not answer once, so the stream can have the message. */
  isUncertain = false

  constructor({ signal }: WaitOptions) {
    this.#signal = signal
  }

  cancel(): void {
    this.#isCancelled = true
    this.#waking?.abort()
  }

  /** The caller has its error already, so that of this call is not seen. */
  assertWaits(): void {
    if (this.#isCancelled || this.#signal?.aborted === true)
      throw new ShmwireError(ErrorCode.ABORTED, 'the caller waits no longer')
  }

  failed(error: unknown): void {
    if (!isRefusal(error)) this.isUncertain = true
    // The server would know the id, but not after a restart, if the job is done meanwhile.
    else if (!this.isUncertain) this.executed = 'no'
  }

  async sleep(ms: number): Promise<void> {
    this.#waking ??= newAbortController()
    try {
      await sleep(ms, undefined, { signal: this.#waking.signal })
    } catch {
      this.assertWaits()
    }
  }
}

function withExecuted(error: unknown, executed: 'no' | 'unknown', what: string): ShmwireError {
  if (!(error instanceof ShmwireError)) return faultOf(error, what, { executed })
  if (error.executed !== undefined) return error
  return replaceExecuted(error, executed)
}
