import { whenAborted } from '../abort-waits.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { isAsyncIterable, isStream } from '../service/call/stream-pump.js'
import type { InterceptedAnswer, InterceptedCall, NextInterceptor } from '../service/interceptors.js'
import type { Clock } from './clock.js'

/** How a call ended. A stream that its reader has left, or whose signal has fired, is `left`. */
export type CallOutcome =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'left'; readonly hadMessages: boolean }

export interface OutcomeObserver {
  /** The first message of a stream has arrived. */
  answering?(): void
  /** Called once, in any case: a stream ends at the latest when its signal fires or its deadline passes. */
  ended(outcome: CallOutcome): void
}

const ANSWERED: CallOutcome = { kind: 'answered' }

/** Makes the call, and reports its end: that of the messages, if they are a stream. */
export async function observeCall(
  next: NextInterceptor,
  call: InterceptedCall,
  clock: Clock,
  observer: OutcomeObserver,
): Promise<InterceptedAnswer> {
  let answer: InterceptedAnswer
  try {
    answer = await next(call)
  } catch (error) {
    observer.ended({ kind: 'failed', error })
    throw error
  }
  const { message, headers, trailers } = answer
  const source = iteratorOf(message, call)
  if (source === undefined) {
    observer.ended(ANSWERED)
    return answer
  }
  return { message: new OutcomeStream(source, call, clock, observer), headers, trailers }
}

/** Whether the error is that of a deadline, also of one that the caller has made of a signal: `AbortSignal.timeout`, or a context. */
export function isTimeout(error: unknown): error is ShmwireError {
  if (!(error instanceof ShmwireError)) return false
  if (error.status === 'DEADLINE_EXCEEDED') return true
  return error.code === ErrorCode.ABORTED && isTimeoutReason(error.cause)
}

/** Whether a signal with this reason has fired because of a deadline. */
export function isTimeoutReason(reason: unknown): boolean {
  return isTimeout(reason) || (reason instanceof Error && reason.name === 'TimeoutError')
}

/** The messages of an answer that is a stream. One message can have an iterator of its own. */
function iteratorOf(
  message: unknown,
  { kind }: InterceptedCall,
): AsyncIterator<unknown> | Iterator<unknown> | undefined {
  if (kind === 'unary' || kind === 'clientStream') return undefined
  if (isAsyncIterable(message)) return message[Symbol.asyncIterator]()
  const streams = kind !== undefined && isStream(message)
  return streams ? (message as Iterable<unknown>)[Symbol.iterator]() : undefined
}

/** Not a generator: `return` must work before the first `next`. */
class OutcomeStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #source: AsyncIterator<unknown> | Iterator<unknown>
  readonly #observer: OutcomeObserver
  readonly #stops: (() => void)[] = []
  #hadMessages = false
  #over = false

  constructor(
    source: AsyncIterator<unknown> | Iterator<unknown>,
    { signal, remainingMs }: InterceptedCall,
    clock: Clock,
    observer: OutcomeObserver,
  ) {
    this.#source = source
    this.#observer = observer
    const late = (): void => this.#end({ kind: 'failed', error: deadlinePassed() })
    this.#stops.push(clock.after(remainingMs, late, true))
    this.#stops.push(whenAborted(signal, () => this.#aborted(signal.reason)))
    // The signal had fired already.
    if (this.#over) this.#stop()
  }

  async next(): Promise<IteratorResult<unknown, undefined>> {
    let result: IteratorResult<unknown>
    try {
      result = await this.#source.next()
    } catch (error) {
      this.#end({ kind: 'failed', error })
      throw error
    }
    if (result.done === true) {
      this.#end(ANSWERED)
      return { value: undefined, done: true }
    }
    if (!this.#hadMessages) {
      this.#hadMessages = true
      if (!this.#over) this.#observer.answering?.()
    }
    return result
  }

  async return(): Promise<IteratorResult<unknown, undefined>> {
    this.#left()
    await this.#source.return?.()
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #aborted(reason: unknown): void {
    if (!isTimeoutReason(reason)) {
      this.#left()
      return
    }
    const error = new ShmwireError(ErrorCode.ABORTED, 'the deadline of the signal passed', { cause: reason })
    this.#end({ kind: 'failed', error })
  }

  #left(): void {
    this.#end({ kind: 'left', hadMessages: this.#hadMessages })
  }

  #end(outcome: CallOutcome): void {
    if (this.#over) return
    this.#over = true
    this.#stop()
    this.#observer.ended(outcome)
  }

  #stop(): void {
    for (const stop of this.#stops.splice(0)) stop()
  }
}

function deadlinePassed(): ShmwireError {
  return new ShmwireError(ErrorCode.TIMEOUT, 'the stream took longer than the time of its call')
}
