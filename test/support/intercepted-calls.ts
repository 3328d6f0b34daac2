import { ErrorCode, type Executed, ShmwireError } from '../../src/errors.js'
import { Metadata } from '../../src/service/call/metadata.js'
import type {
  InterceptedAnswer,
  InterceptedCall,
  Interceptor,
  NextInterceptor,
} from '../../src/service/interceptors.js'
import { ServiceError } from '../../src/service-error.js'
import type { Status } from '../../src/status.js'

export function callOf(parts: Partial<InterceptedCall> = {}): InterceptedCall {
  return {
    side: 'client',
    service: 'test.Service',
    method: 'get',
    kind: 'unary',
    idempotent: true,
    metadata: new Metadata(),
    signal: new AbortController().signal,
    remainingMs: Number.POSITIVE_INFINITY,
    message: undefined,
    context: undefined,
    ...parts,
  }
}

export function answerOf(message: unknown): InterceptedAnswer {
  return { message, headers: new Metadata(), trailers: new Metadata() }
}

/** An error of the service. */
export function failing(status: Status, details?: unknown): ServiceError {
  return new ServiceError(status, 'it failed', { details })
}

/** An error of the connection. */
export function gone(executed: Executed): ShmwireError {
  return new ShmwireError(ErrorCode.PEER_GONE, 'the peer is gone', { executed })
}

/** One attempt of a call that the test ends. */
export interface Attempt {
  readonly call: InterceptedCall
  answer(message?: unknown): void
  fail(error: unknown): void
}

/** A service behind an interceptor, which a test answers by hand. An attempt whose signal fires fails with `ABORTED`. */
export function manualService(interceptor: Interceptor): { attempts: Attempt[]; run: NextInterceptor } {
  const attempts: Attempt[] = []
  const run = interceptor(
    (call) =>
      new Promise((resolve, reject) => {
        const attempt = {
          call,
          answer: (message: unknown) => resolve(answerOf(message)),
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- an interceptor gets what the next one threw
          fail: (error: unknown) => reject(error),
        }
        attempts.push(attempt)
        const abort = (): void =>
          reject(
            new ShmwireError(ErrorCode.ABORTED, 'aborted', {
              cause: call.signal.reason,
              executed: 'unknown',
            }),
          )
        if (call.signal.aborted) abort()
        else call.signal.addEventListener('abort', abort)
      }),
  )
  return { attempts, run }
}

/** The state of a promise, once promises had time to settle. */
export function outcomeOf(promise: Promise<InterceptedAnswer>): {
  message?: unknown
  error?: unknown
  done: boolean
} {
  const outcome: { message?: unknown; error?: unknown; done: boolean } = { done: false }
  promise.then(
    ({ message }) => Object.assign(outcome, { message, done: true }),
    (error: unknown) => Object.assign(outcome, { error, done: true }),
  )
  return outcome
}

/** The messages of a service, which a test sends by hand. */
export class ManualStream implements AsyncIterableIterator<unknown, undefined> {
  readonly #waiting: {
    resolve(result: IteratorResult<unknown, undefined>): void
    reject(error: unknown): void
  }[] = []
  returned = false

  send(value: unknown): void {
    this.#waiting.shift()?.resolve({ value, done: false })
  }

  end(): void {
    this.#waiting.shift()?.resolve({ value: undefined, done: true })
  }

  fail(error: unknown): void {
    this.#waiting.shift()?.reject(error)
  }

  next(): Promise<IteratorResult<unknown, undefined>> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<unknown, undefined>> {
    this.returned = true
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
