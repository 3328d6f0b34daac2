import type { CallStream } from './contract/contract-types.js'

/** The stream of a call, once the call has begun. */
export interface BegunStream {
  stream: Pick<CallStream<unknown>, 'lastEventId'> | undefined
}

/**
 * The messages of a call that waits for its server or for interceptors: those of `source`, once it is there. To leave the loop before that
 * also cancels the call.
 */
export class DeferredStream<T> implements CallStream<T> {
  readonly #source: Promise<AsyncIterator<T, unknown>>
  readonly #onEnd: () => void
  readonly #begun: BegunStream
  #done = false

  /** `onEnd` runs when the loop has ended or was left, and ends the wait for the source. */
  constructor(source: Promise<AsyncIterator<T, unknown>>, onEnd: () => void, begun: BegunStream) {
    this.#source = source
    this.#onEnd = onEnd
    this.#begun = begun
    // The loop gets the error; without a loop, it is that of a call that the program does not await.
    source.catch(ignore)
  }

  /** As that of a `CallStream`. */
  get lastEventId(): string | undefined {
    return this.#begun.stream?.lastEventId
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#done) return { value: undefined, done: true }
    try {
      const result = await (await this.#source).next()
      if (result.done !== true) return result
    } catch (error) {
      // The program has left the loop while it waited.
      if (this.#done) return { value: undefined, done: true }
      this.#end()
      throw error
    }
    this.#end()
    return { value: undefined, done: true }
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end()
    const source = await this.#source.catch(ignore)
    await source?.return?.()
    return { value: undefined, done: true }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #end(): void {
    this.#done = true
    this.#onEnd()
  }
}

/** The stream of a call that cannot begin. */
export function failedStream(error: Error): DeferredStream<unknown> {
  return new DeferredStream(Promise.reject(error), ignore, { stream: undefined })
}

function ignore(): undefined {
  return undefined
}
