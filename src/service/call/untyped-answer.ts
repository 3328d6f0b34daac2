/* oxlint-disable unicorn/no-thenable -- an await must be seen; see the class */
import type { ShmwireError } from '../../errors.js'
import type { CallStream } from '../contract/contract-types.js'
import { failedStream } from '../deferred-stream.js'
import { type CallObserver, ObservedStream } from '../observed-stream.js'
import { type AnyOutcome, streamsInstead } from './call-outcomes.js'

/** A call without a contract that has begun. */
export interface UntypedCallStream {
  /** Created on demand. */
  readonly stream: CallStream<unknown>
}

/**
 * The answer to a call without a contract: a promise for its one message, and an iterable of its messages. A program that iterates it gets
 * the error of the call in its loop. A program that awaits a stream gets an error, and the call ends.
 */
export class UntypedAnswer extends Promise<unknown> implements AsyncIterable<unknown> {
  /** `then` returns a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  readonly #call: UntypedCallStream
  #begun: CallStream<unknown> | undefined
  #awaited = false
  /** The error of an await, if the service answers with a stream. */
  #streamError: ShmwireError | undefined
  #onStream: (() => void) | undefined
  readonly #observer: CallObserver | undefined

  /** `begin` must report errors to the outcome. `observer` gets the end of the call. */
  constructor(
    method: string,
    begin: (outcome: AnyOutcome) => UntypedCallStream,
    observer: CallObserver | undefined,
  ) {
    let settle!: Settle
    super((resolve, reject) => {
      settle = { message: resolve, error: reject }
    })
    const { message, error } = observer === undefined ? settle : observed(settle, observer)
    this.#observer = observer
    this.#call = begin({
      message,
      error,
      stream: () => {
        this.#hideRejection()
        this.#streamError = streamsInstead(method)
        settle.error(this.#streamError)
        this.#onStream?.()
        this.#endUnlessIterated()
      },
    })
  }

  /** That of the stream. */
  get lastEventId(): string | undefined {
    return this.#begun?.lastEventId
  }

  // biome-ignore lint/suspicious/noThenProperty: an await must be seen; see the class
  override then<Resolved = unknown, Rejected = never>(
    onResolved?: ((message: unknown) => Resolved | PromiseLike<Resolved>) | null,
    onRejected?: ((error: unknown) => Rejected | PromiseLike<Rejected>) | null,
  ): Promise<Resolved | Rejected> {
    this.#awaited = true
    this.#endUnlessIterated()
    return super.then(onResolved, onRejected)
  }

  [Symbol.asyncIterator](): CallStream<unknown> {
    this.#hideRejection()
    this.#begun ??= this.#observedStream()
    return this.#begun
  }

  /** The one message of the answer, or an iterable of its messages: for a handler that passes on the answer of another service. */
  either(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const iterate = (): void => resolve(this[Symbol.asyncIterator]())
      if (this.#streamError !== undefined) {
        iterate()
        return
      }
      this.#onStream = iterate
      void super.then(resolve, reject)
    })
  }

  /** A program that awaits a stream has its error, and a loop that begins later gets it, too. */
  #endUnlessIterated(): void {
    if (!this.#awaited || this.#streamError === undefined || this.#begun !== undefined) return
    void this.#call.stream.return()
    this.#begun = failedStream(this.#streamError)
    this.#observer?.fail(this.#streamError)
  }

  #observedStream(): CallStream<unknown> {
    const { stream } = this.#call
    return this.#observer === undefined ? stream : new ObservedStream(stream, this.#observer)
  }

  /** The loop gets the error. A program that iterates the answer does not await it. */
  #hideRejection(): void {
    void super.then(undefined, () => {})
  }
}

type Settle = Pick<AnyOutcome, 'message' | 'error'>

function observed({ message, error }: Settle, observer: CallObserver): Settle {
  return {
    message: (value) => {
      observer.settle()
      message(value)
    },
    error: (thrown) => {
      observer.fail(thrown)
      error(thrown)
    },
  }
}

/** The result of a handler, which can be the answer of another service. */
export function handled(result: unknown): unknown {
  return result instanceof UntypedAnswer ? result.either() : result
}
