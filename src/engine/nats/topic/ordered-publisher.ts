import { backOffMs } from '../../../back-off.js'
import { ErrorCode, ShmwireError } from '../../../errors.js'
import { Fifo } from '../../../fifo.js'
import { nowMs, sleep } from '../../../host.js'
import type { EngineConnection, MsgHdrs } from '../connection.js'
import { ApiCode, apiCodeOf, faultOf, isPassing } from '../faults.js'
import { retrying } from '../retrying.js'
import { DEDUP_WINDOW_MS } from './topic-stream.js'

export interface OrderedMessage {
  readonly subject: string
  readonly body: Uint8Array
  readonly headers: MsgHdrs
  readonly id: string
}

/** The message that the stream must have last. */
type Expected = { readonly lastMsgID: string } | { readonly lastSequence: number }

interface Entry {
  readonly message: OrderedMessage
  readonly resolve: (sequence: number) => void
  readonly reject: (error: ShmwireError) => void
  /** When it was sent first. */
  sentMs: number
  failure: unknown
}

/** Messages without an answer of the server. */
const IN_FLIGHT_MAX = 1024
/** Further ones that wait in this process. */
const WAITING_MAX = 65_536
const EXPECTATIONS = ['Nats-Expected-Last-Msg-Id', 'Nats-Expected-Last-Sequence']
const WAIT_MIN_MS = 10
const WAIT_MAX_MS = 1_000

/**
 * Stores messages in the order of the calls, many at once. Each message states the one that the stream must have last. So when one is
 * lost, for example with a connection or with the leader of a stream, the server refuses those behind it. They are then sent again
 * one by one, and those that were stored are duplicates by their ids. Other publishers may use the same stream: their messages make this
 * one start again in the same way.
 */
export class OrderedPublisher {
  readonly #connection: EngineConnection
  readonly #stream: string
  readonly #what: string
  /** Without an answer, in their order. */
  readonly #sent = new Set<Entry>()
  readonly #waiting = new Fifo<Entry>()
  /** The sequence of the stream after all messages that were sent. */
  #tail: number
  /** Of the message that was sent last. */
  #lastId = ''
  /** Answers that are missing. */
  #open = 0
  #isRecovering = false
  readonly #idle: (() => void)[] = []

  constructor(connection: EngineConnection, stream: string, what: string, lastSequence: number) {
    this.#connection = connection
    this.#stream = stream
    this.#what = what
    this.#tail = lastSequence
  }

  /** Of the last message, stored or not. */
  get tail(): number {
    return this.#tail
  }

  /** A further message would wait in this process. */
  get isBusy(): boolean {
    return this.#isRecovering || this.#sent.size >= IN_FLIGHT_MAX || this.#waiting.length > 0
  }

  /** Resolves to the sequence of the stored message. Rejects with `BACKLOG`, `UNAVAILABLE`, … */
  publish(message: OrderedMessage): Promise<number> {
    return new Promise((resolve, reject) => {
      const entry: Entry = { message, resolve, reject, sentMs: 0, failure: undefined }
      if (!this.isBusy) this.#send(entry)
      else if (this.#waiting.length < WAITING_MAX) this.#waiting.push(entry)
      else
        reject(
          new ShmwireError(
            ErrorCode.BACKLOG,
            `${this.#what}: ${WAITING_MAX} messages wait for the server; await earlier calls first`,
          ),
        )
    })
  }

  /** Resolves when no message waits. */
  async settled(): Promise<void> {
    if (this.#sent.size === 0 && this.#waiting.length === 0) return
    await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #send(entry: Entry): void {
    // Behind a message without an answer, a sequence is not enough: that of another publisher could take its place.
    const expected: Expected = this.#open > 0 ? { lastMsgID: this.#lastId } : { lastSequence: this.#tail }
    this.#tail += 1
    this.#open += 1
    this.#lastId = entry.message.id
    entry.sentMs = nowMs()
    this.#sent.add(entry)
    this.#store(entry, expected).then(
      (sequence) => this.#onStored(entry, sequence),
      (error: unknown) => this.#onFailure(entry, error),
    )
  }

  async #store({ message }: Entry, expect: Expected): Promise<number> {
    const { client, settings } = this.#connection
    const { subject, body, headers, id } = message
    // The client adds the new expectation to those of an earlier attempt.
    for (const field of EXPECTATIONS) headers.delete(field)
    const { seq } = await client.publish(subject, body, {
      headers,
      msgID: id,
      timeout: settings.answerMs,
      expect,
    })
    return seq
  }

  #onStored(entry: Entry, sequence: number): void {
    this.#open -= 1
    this.#sent.delete(entry)
    entry.resolve(sequence)
    if (this.#isRecovering) this.#checkRecovery()
    else this.#sendWaiting()
  }

  #onFailure(entry: Entry, error: unknown): void {
    this.#open -= 1
    entry.failure = error
    this.#isRecovering = true
    this.#checkRecovery()
  }

  #sendWaiting(): void {
    while (this.#sent.size < IN_FLIGHT_MAX && !this.#isRecovering) {
      const next = this.#waiting.shift()
      if (next === undefined) break
      this.#send(next)
    }
    if (this.#sent.size > 0 || this.#waiting.length > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  /** Begins when all answers have arrived, so that no message of before is stored meanwhile. */
  #checkRecovery(): void {
    if (this.#open === 0) void this.#recover()
  }

  /** Never rejects. */
  async #recover(): Promise<void> {
    for (const entry of this.#sent) {
      try {
        entry.resolve(await this.#storeAgain(entry))
      } catch (error) {
        entry.reject(faultOf(error, this.#what, { executed: 'unknown' }))
      }
      this.#sent.delete(entry)
    }
    this.#isRecovering = false
    this.#sendWaiting()
  }

  async #storeAgain(entry: Entry): Promise<number> {
    const { manager, settings } = this.#connection
    // Nothing but the order was wrong, or the server has not answered.
    if (!canRepeat(entry.failure)) throw entry.failure
    for (let tries = 1; ; tries += 1) {
      try {
        const { state } = await retrying(() => manager.streams.info(this.#stream))
        this.#tail = state.last_seq
        const sequence = await this.#store(entry, { lastSequence: this.#tail })
        this.#tail = Math.max(this.#tail, sequence)
        return sequence
      } catch (error) {
        // Later, the server would not know the id any more.
        const isLate = nowMs() - entry.sentMs > DEDUP_WINDOW_MS - settings.answerMs
        if (isLate || !canRepeat(error)) throw error
      }
      await sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
    }
  }
}

function canRepeat(error: unknown): boolean {
  const code = apiCodeOf(error)
  return isPassing(error) || code === ApiCode.WRONG_LAST_SEQUENCE || code === ApiCode.WRONG_LAST_ID
}
