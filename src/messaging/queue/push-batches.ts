import { backOffMs } from '../../back-off.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { nextTick, setTimeout } from '../../host.js'
import { JOBS_PER_MESSAGE_MAX, PushAnswer, PushFlag, PushResult } from './protocol.js'
import { PushLine, type WaitingPush } from './push-line.js'
import type { PushedJob } from './types.js'

/** Messages under way, so that the queue has work while an answer travels. */
const CALLS_MAX = 4
/** Pushes of this program that the queue has not confirmed. */
const PENDING_MAX = 100_000
const PENDING_BYTES_MAX = 64 * 1024 * 1024

/** Between messages that wait, of which the queue took none. */
const RETRY_MS_MIN = 10
const RETRY_MS_MAX = 1_000

interface Push extends WaitingPush {
  readonly id: string
  readonly resolve: (pushed: PushedJob) => void
  readonly reject: (error: unknown) => void
}

/** Sends a message of job frames with these flags. Resolves to the answer of the queue. */
export type SendPush = (flags: number, frames: readonly Buffer[]) => Promise<Buffer>

/**
 * The pushes of one program, in the order of their calls. Those of the same turn, and those that wait for an answer, travel together. When the
 * queue is full, it refuses the rest, which this side sends again, in one message that waits for room.
 */
export class PushBatches {
  readonly #send: SendPush
  readonly #messageBytes: () => number
  /** Not sent yet. */
  readonly #waiting = new PushLine<Push>()
  /** Sent, and refused because the queue is full: the first ones to send again. */
  readonly #refused = new PushLine<Push>()
  /** How many refused ones travel together: about as many as the queue has taken at once. All others would be refused again. */
  #again = 1
  /** Messages that waited, of which the queue took none. */
  #failures = 0
  #pausing = false
  #calls = 0
  #pending = 0
  #pendingBytes = 0
  #scheduled = false
  #onIdle: (() => void)[] = []

  /** @param messageBytes how long a message of several frames may be */
  constructor(send: SendPush, messageBytes: () => number) {
    this.#send = send
    this.#messageBytes = messageBytes
  }

  /** The frame has its own memory. Rejects with `BACKLOG`, and the errors of a call. */
  push(id: string, frame: Buffer): Promise<PushedJob> {
    const isFull = this.#pending >= PENDING_MAX || this.#pendingBytes + frame.length > PENDING_BYTES_MAX
    if (isFull && this.#pending > 0)
      return Promise.reject(
        new ShmwireError(
          ErrorCode.BACKLOG,
          `${this.#pending} pushes wait for the queue already; await some of them first`,
          { executed: 'no' },
        ),
      )
    this.#pending += 1
    this.#pendingBytes += frame.length
    this.#schedule()
    return new Promise((resolve, reject) => {
      this.#waiting.push({ id, frame, resolve, reject })
    })
  }

  /** Resolves when no push waits for its answer. */
  idle(): Promise<void> {
    if (this.#pending === 0) return Promise.resolve()
    return new Promise((resolve) => this.#onIdle.push(resolve))
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    nextTick(this.#run)
  }

  readonly #run = (): void => {
    this.#scheduled = false
    if (this.#refused.length > 0) {
      // Those that were sent behind the refused ones are refused, too; they must return first, to keep the order.
      if (this.#calls === 0 && !this.#pausing) {
        const count = Math.min(this.#again, JOBS_PER_MESSAGE_MAX)
        void this.#call(PushFlag.WAITS, this.#refused.take(this.#messageBytes(), count))
      }
      return
    }
    this.#again = 1
    while (this.#waiting.length > 0 && this.#calls < CALLS_MAX)
      void this.#call(0, this.#waiting.take(this.#messageBytes(), JOBS_PER_MESSAGE_MAX))
  }

  async #call(flags: number, pushes: readonly Push[]): Promise<void> {
    this.#calls += 1
    const frames = pushes.map(({ frame }) => frame)
    try {
      this.#answered(pushes, await this.#send(flags, frames), flags)
    } catch (error) {
      for (const push of pushes) this.#settle(push).reject(error)
    }
    this.#calls -= 1
    this.#run()
    if (this.#pending === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  /** The answer is input from the queue. */
  #answered(pushes: readonly Push[], answer: Buffer, flags: number): void {
    if (answer.length === 1 && answer[0] === PushAnswer.ADDED) {
      this.#again = 2 * pushes.length
      this.#failures = 0
      for (const push of pushes) this.#settle(push).resolve({ id: push.id, duplicate: false })
      return
    }
    if (answer[0] !== PushAnswer.EACH || answer.length !== 1 + pushes.length) throw malformedAnswer('push')
    const refused: Push[] = []
    pushes.forEach((push, index) => {
      const result = answer[1 + index]
      if (result === PushResult.FULL) refused.push(push)
      else settleOne(result, this.#settle(push))
    })
    if (flags !== PushFlag.WAITS) for (const push of refused) this.#refused.push(push)
    else {
      // They are the first of those that were refused before.
      this.#refused.return(refused)
      this.#again = Math.max(1, 2 * (pushes.length - refused.length))
      if (refused.length < pushes.length) this.#failures = 0
      else this.#pause()
    }
  }

  /** The queue did not wait, although it should: without a pause, the same message would travel at once. */
  #pause(): void {
    this.#pausing = true
    this.#failures += 1
    setTimeout(
      () => {
        this.#pausing = false
        this.#run()
      },
      backOffMs(this.#failures, RETRY_MS_MIN, RETRY_MS_MAX),
    )
  }

  #settle(push: Push): Push {
    this.#pending -= 1
    this.#pendingBytes -= push.frame.length
    return push
  }
}

/** Settles a push by its result, which is not FULL. */
export function settleOne(
  result: number | undefined,
  { id, resolve, reject }: Pick<Push, 'id' | 'reject' | 'resolve'>,
): void {
  if (result === PushResult.ADDED) resolve({ id, duplicate: false })
  else if (result === PushResult.DUPLICATE) resolve({ id, duplicate: true })
  else if (result === PushResult.TOO_LARGE) reject(jobTooLarge())
  else reject(malformedAnswer('push'))
}

export function jobTooLarge(): ShmwireError {
  return new ShmwireError(
    ErrorCode.MESSAGE_TOO_LARGE,
    'the job alone is longer than maxBytes of the queue, or than its store can keep; raise maxBytes, or push parts',
    { executed: 'no' },
  )
}

export function malformedAnswer(method: string): ShmwireError {
  return new ShmwireError(ErrorCode.CORRUPT, `the answer of the queue to ${method} is malformed`, {
    executed: 'unknown',
  })
}
