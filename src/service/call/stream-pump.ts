import { yieldTurn } from '../../next-turn.js'
import { show } from '../../options.js'
import { isThenable } from '../../thenable.js'
import type { SendWindow } from './send-window.js'

/** Sends the messages of one stream. */
export interface StreamTarget {
  /**
   * Sends one message and counts it in the window, now or with those that follow. Returns a promise while a message waits for room. Throws
   * `CODEC`, `MESSAGE_TOO_LARGE`.
   */
  send(message: unknown): Promise<void> | undefined
  /** No message follows at once: sends all. Returns a promise while a message waits for room. */
  flush(): Promise<void> | undefined
  /** The next message may come in this turn, or much later: sends all at the end of the turn. */
  flushSoon(): void
  /** Throws or rejects if the message must not be sent. Returns a promise only if the check needs one. */
  check(message: unknown): PromiseLike<unknown> | undefined
  /** The bytes of the message that was sent last. */
  readonly lastBytes: number
}

type AnyIterator = Iterator<unknown> | AsyncIterator<unknown>

/** Takes the messages of an iterable, one by one, as fast as the window of the receiver allows. */
export class StreamPump {
  readonly #iterator: AnyIterator
  readonly #window: SendWindow
  readonly #target: StreamTarget
  #stopped = false
  #returned = false

  constructor(source: AsyncIterable<unknown> | Iterable<unknown>, window: SendWindow, target: StreamTarget) {
    this.#iterator = iteratorOf(source)
    this.#window = window
    this.#target = target
  }

  /** Resolves when all messages are sent or the pump was stopped. Rejects with the error of the iterable or of a message. */
  async run(): Promise<void> {
    const window = this.#window
    const target = this.#target
    try {
      while (!this.#stopped) {
        if (!window.isOpen) {
          const room = target.flush()
          await (room ?? window.wait())
          continue
        }
        const next = this.#iterator.next()
        const result: unknown = isThenable(next) ? await this.#later(next) : next
        if (!isResult(result))
          throw new TypeError(
            `the iterator of the messages returned ${show(result)}; next() must return { done, value }`,
          )
        if (result.done === true) {
          this.#returned = true
          break
        }
        // Those of a plain iterable can be promises, as in a `for await` loop.
        const message: unknown = isThenable(result.value) ? await this.#later(result.value) : result.value
        if (this.#stopped) return
        const check = target.check(message)
        if (check !== undefined) await this.#later(check)
        if (this.#stopped) return
        const room = target.send(message)
        if (room !== undefined) await room
        const turn = yieldTurn(target.lastBytes)
        if (turn !== undefined) await this.#later(turn)
      }
    } catch (error) {
      // An iterator that throws has ended; one whose message cannot be sent has not.
      this.stop()
      throw error
    } finally {
      void target.flush()
    }
  }

  #later<T>(value: PromiseLike<T>): PromiseLike<T> {
    this.#target.flushSoon()
    return value
  }

  /** Ends the iteration: a generator runs its `finally`. Its outcome is dropped, because the call is over. */
  stop(): void {
    this.#stopped = true
    this.#window.wake()
    if (this.#returned) return
    this.#returned = true
    void new Promise((resolve) => {
      resolve(this.#iterator.return?.())
    }).catch(ignore)
  }
}

/** The messages of a stream can come from an async or a plain iterable. */
export function isStream(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  if (typeof value !== 'object' || value === null) return false
  return (
    isAsyncIterable(value) || typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === 'function'
  )
}

export function isAsyncIterable(value: unknown): value is AsyncIterable<unknown> {
  return (
    typeof (value as Partial<AsyncIterable<unknown>> | null | undefined)?.[Symbol.asyncIterator] ===
    'function'
  )
}

function iteratorOf(source: AsyncIterable<unknown> | Iterable<unknown>): AnyIterator {
  return isAsyncIterable(source) ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

function isResult(result: unknown): result is IteratorResult<unknown> {
  return typeof result === 'object' && result !== null
}

function ignore(): void {}
