import { onceAborted } from '../../abort-waits.js'
import type { CallPort } from '../../channel/call-port.js'
import type { Outgoing } from '../../channel/outbox.js'
import { ErrorCode, type Executed, replaceExecuted, ShmwireError } from '../../errors.js'
import { clearTimeout, nowMs, setTimeout } from '../../host.js'
import type { LinkedQueue, QueueLinks } from '../../linked-queue.js'
import { TIMEOUT_MS_MAX } from '../../options.js'
import type { AnswerRecord } from '../../wire/call-records.js'
import { errorOfFailure } from './call-failure.js'
import type { CalledMethod } from './called-method.js'
import type { Expiring } from './deadline-sweep.js'
import { type MetadataCallbacks, reportMetadata } from './metadata-callbacks.js'
import type { SendWindow } from './send-window.js'
import type { StreamPump } from './stream-pump.js'

/** When a caller stops waiting. */
export interface CallBounds {
  /** Infinity: never. */
  readonly timeoutMs: number
  readonly signals: readonly AbortSignal[]
}

/** The calls of this side that a call belongs to. */
export interface CallOwner {
  readonly port: CallPort
  /** The caller needs no answer any more. Returns whether the call can have run. */
  cancel(call: OutgoingCall): Executed
  /** The caller sends no further message. */
  endInput(call: OutgoingCall): void
  /** Ends an open call at its deadline. */
  watchDeadline(call: OutgoingCall): void
  /** The caller has room for more messages of the service. `granted` runs when the link has the record. */
  grant(call: OutgoingCall, messages: number, bytes: number, granted: () => void): void
}

/** A call that this side has begun. `OutgoingCalls` keeps its state; its outcome goes to the subclass. */
export abstract class OutgoingCall implements QueueLinks<OutgoingCall>, Expiring {
  queue: LinkedQueue<OutgoingCall> | undefined
  previous: OutgoingCall | undefined
  next: OutgoingCall | undefined
  /** 0 until it is sent. */
  id = 0
  /** The CALL record, while the call waits for a slot. */
  record: Uint8Array | undefined
  /** The CALL record, if it had to wait for room. */
  outgoing: Outgoing | undefined
  /** The caller has its outcome. The slot is free when the service's last record has arrived. */
  over = false
  /** Sends the caller's messages, from `started` on. */
  pump: StreamPump | undefined
  window: SendWindow | undefined
  /** See Expiring. */
  deadlineMs = Number.POSITIVE_INFINITY
  readonly calls: CallOwner
  readonly method: CalledMethod
  protected readonly callbacks: MetadataCallbacks
  #timeoutMs = Number.POSITIVE_INFINITY
  /** Of a call that had to wait for a slot. */
  #timer: NodeJS.Timeout | undefined
  #stopListening: (() => void)[] | undefined

  constructor(calls: CallOwner, method: CalledMethod, callbacks: MetadataCallbacks) {
    this.calls = calls
    this.method = method
    this.callbacks = callbacks
  }

  /** A record of the service that is not an error. Returns the fault of the peer, if there is one. */
  abstract answer(record: AnswerRecord): string | undefined
  /** A record of several messages, the payload of an ANSWER_BATCH. Returns the fault of the peer, if there is one. */
  abstract answerBatch(payload: Buffer): string | undefined
  /** The call has failed. Called once, after `end`. */
  protected abstract failed(error: Error): void

  /** The service has ended the call with an error. Returns the fault of the peer, if there is one. */
  refused(record: AnswerRecord): string | undefined {
    const fault = reportMetadata(record, this.callbacks)
    const { port } = this.calls
    if (fault === undefined)
      this.fail(errorOfFailure(record.encoding, record.bytes, (details) => port.decode(details)))
    return fault
  }

  /** The CALL record is sent, or has its turn. */
  started(): void {
    const { pump } = this
    if (pump === undefined) return
    void pump.run().then(
      () => this.calls.endInput(this),
      (error: unknown) => this.giveUp(error as Error),
    )
  }

  /** Ends the call at its bounds. */
  watch({ timeoutMs, signals }: CallBounds): void {
    for (const signal of signals) {
      const giveUp = (): void => this.giveUp(abortedCall(this.method.name, signal))
      // The signal fired during the encoding, so its event will not come.
      if (signal.aborted) {
        giveUp()
        return
      }
      this.#stopListening ??= []
      this.#stopListening.push(onceAborted(signal, giveUp))
    }
    if (timeoutMs > TIMEOUT_MS_MAX) return
    this.#timeoutMs = timeoutMs
    this.deadlineMs = nowMs() + timeoutMs
    if (this.record === undefined) this.calls.watchDeadline(this)
    else this.#timer = setTimeout(() => this.expire(), Math.ceil(timeoutMs))
  }

  expire(): void {
    this.giveUp(
      new ShmwireError(
        ErrorCode.TIMEOUT,
        `the call of ${this.method.name} took longer than timeoutMs: ${this.#timeoutMs}`,
      ),
    )
  }

  /** The caller stops waiting, with `error`. */
  giveUp(error: Error): void {
    if (this.over) return
    const executed = this.calls.cancel(this)
    this.fail(withExecuted(error, executed))
  }

  fail(error: Error): void {
    if (this.over) return
    this.end()
    this.failed(error)
  }

  /** The caller has its outcome: nothing more is delivered or sent. */
  end(): void {
    this.over = true
    if (this.#timer !== undefined) clearTimeout(this.#timer)
    if (this.#stopListening !== undefined) for (const stop of this.#stopListening) stop()
    this.pump?.stop()
  }
}

/** The error of a call whose signal has fired. */
export function abortedCall(method: string, signal: AbortSignal): ShmwireError {
  return new ShmwireError(ErrorCode.ABORTED, `the call of ${method} was aborted`, { cause: signal.reason })
}

/** The same error with the fact whether the call can have run. */
export function withExecuted(error: Error, executed: Executed): Error {
  if (!(error instanceof ShmwireError) || error.executed !== undefined || error.code === ErrorCode.SERVICE)
    return error
  return replaceExecuted(error, executed)
}
