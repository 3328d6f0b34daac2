import { ErrorCode, ShmwireError } from '../errors.js'
import type { CallStream } from './contract/contract-types.js'

/** Gets the end of a call. The first end counts. */
export interface CallObserver {
  settle(): void
  fail(error: unknown): void
}

/** A program can call a stream and never read it, or stop reading without `return`. */
const dropped = new FinalizationRegistry<CallObserver>((observer) =>
  observer.fail(
    new ShmwireError(
      ErrorCode.ABORTED,
      'the program has dropped a stream before its end; read it, or call return()',
    ),
  ),
)

/** The messages of a call whose end is observed: that of the loop, or the error that it gets. */
export class ObservedStream<T> implements CallStream<T> {
  readonly #stream: CallStream<T>
  readonly #observer: CallObserver

  constructor(stream: CallStream<T>, observer: CallObserver) {
    this.#stream = stream
    this.#observer = observer
    dropped.register(this, observer)
  }

  get lastEventId(): string | undefined {
    return this.#stream.lastEventId
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    try {
      const result = await this.#stream.next()
      if (result.done === true) this.#observer.settle()
      return result
    } catch (error) {
      this.#observer.fail(error)
      throw error
    }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    try {
      return await this.#stream.return()
    } finally {
      this.#observer.settle()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
