import type { CallPort } from '../../channel/call-port.js'
import { NO_PAYLOAD } from '../../channel/outbox.js'
import type { OpenWork } from '../../channel/types.js'
import { ErrorCode, type Executed, ShmwireError } from '../../errors.js'
import { LinkedQueue } from '../../linked-queue.js'
import {
  CALLS_OPEN_MAX,
  encodeCredit,
  encodeMore,
  parseAnswer,
  parseCredit,
} from '../../wire/call-records.js'
import { RecordKind } from '../../wire/record-kind.js'
import { DeadlineSweep } from './deadline-sweep.js'
import { type CallOwner, type OutgoingCall, withExecuted } from './outgoing-call.js'

/** The calls of this side: which are open, and which wait for a slot. */
export class OutgoingCalls implements CallOwner, OpenWork {
  readonly port: CallPort
  readonly #open = new Map<number, OutgoingCall>()
  /** Calls that are over for the caller, and still have a slot. */
  #overCount = 0
  #waiting = new LinkedQueue<OutgoingCall>()
  #lastId = 0
  readonly #deadlines = new DeadlineSweep(() => this.#open.values())

  constructor(port: CallPort) {
    this.port = port
  }

  /** No call is open or waits, except those that are over for their callers. */
  get idle(): boolean {
    return this.#waiting.length === 0 && this.#open.size === this.#overCount
  }

  /** Sends the CALL record, now or when a slot is free. Throws `BACKLOG`, `MESSAGE_TOO_LARGE`. */
  begin(call: OutgoingCall, record: Uint8Array): void {
    const { waitingBytes } = this.port
    this.port.assertLength(record)
    waitingBytes.assertRoom(record)
    if (this.#open.size < CALLS_OPEN_MAX) {
      this.#start(call, record)
      return
    }
    call.record = Buffer.from(record)
    waitingBytes.add(RecordKind.CALL, record)
    this.#waiting.push(call)
  }

  endInput(call: OutgoingCall): void {
    if (!call.over) this.port.push(RecordKind.CALL_MORE, call.id, encodeMore(undefined, true))
  }

  watchDeadline(call: OutgoingCall): void {
    this.#deadlines.add(call)
  }

  grant(call: OutgoingCall, messages: number, bytes: number, granted: () => void): void {
    if (!call.over) this.port.push(RecordKind.CALL_CREDIT, call.id, encodeCredit(messages, bytes), granted)
  }

  cancel(call: OutgoingCall): Executed {
    const { id, outgoing } = call
    let executed: Executed = 'no'
    if (this.#waiting.remove(call)) this.#takeRecord(call)
    else if (outgoing !== undefined && this.port.withdraw(outgoing)) this.#release(id)
    else if (this.#open.get(id) === call) {
      executed = 'unknown'
      this.#overCount += 1
      this.port.push(RecordKind.CALL_CANCEL, id, NO_PAYLOAD)
    }
    this.port.closeIfIdle()
    return executed
  }

  /** A record of the service. Returns the fault of the peer, if there is one. */
  answer(id: number, payload: Buffer): string | undefined {
    const call = this.#open.get(id)
    if (call === undefined) return 'an answer to a call that is not open'
    const record = parseAnswer(payload)
    if (typeof record === 'string') return record
    const { over } = call
    if (record.isLast) {
      if (over) this.#overCount -= 1
      this.#release(id)
    }
    if (over) return undefined
    const fault = record.failed ? call.refused(record) : call.answer(record)
    // The slot can be free already, so the end of the channel would not reach the call.
    if (fault !== undefined)
      call.fail(new ShmwireError(ErrorCode.CORRUPT, `the service sent ${fault}`, { executed: 'unknown' }))
    return fault
  }

  /** Several messages of the service. Returns the fault of the peer, if there is one. */
  answerBatch(id: number, payload: Buffer): string | undefined {
    const call = this.#open.get(id)
    if (call === undefined) return 'an answer to a call that is not open'
    return call.over ? undefined : call.answerBatch(payload)
  }

  /** The service has taken messages of the caller. Returns the fault of the peer, if there is one. */
  credit(id: number, payload: Buffer): string | undefined {
    const credit = parseCredit(payload)
    const call = this.#open.get(id)
    if (credit === undefined || call === undefined) return 'a malformed credit'
    if (call.over || call.window?.credit(credit.messages, credit.bytes) === true) return undefined
    return `credit for messages that were not sent with call ${id}`
  }

  /** The channel has ended, or the peer has closed it: then it has answered every call that it has begun. */
  fail(error: Error, executed: Executed): void {
    const open = [...this.#open.values()]
    const waiting = this.#waiting
    this.#deadlines.stop()
    this.#open.clear()
    this.#overCount = 0
    this.#waiting = new LinkedQueue()
    const sent = withExecuted(error, executed)
    const no = withExecuted(error, 'no')
    for (const call of open) {
      const withdrawn = call.outgoing !== undefined && this.port.withdraw(call.outgoing)
      call.fail(withdrawn ? no : sent)
    }
    for (let call = waiting.shift(); call !== undefined; call = waiting.shift()) {
      this.#takeRecord(call)
      call.fail(no)
    }
  }

  #start(call: OutgoingCall, record: Uint8Array): void {
    call.id = this.#nextId()
    this.#open.set(call.id, call)
    call.outgoing = this.port.push(RecordKind.CALL, call.id, record)
    call.started()
  }

  /** Frees the slot of a call that is answered, or was withdrawn before the peer could see it. */
  #release(id: number): void {
    this.#open.delete(id)
    const next = this.#waiting.shift()
    if (next !== undefined) this.#start(next, this.#takeRecord(next))
    else this.port.closeIfIdle()
  }

  #takeRecord(call: OutgoingCall): Uint8Array {
    const record = call.record as Uint8Array
    call.record = undefined
    this.port.waitingBytes.remove(RecordKind.CALL, record)
    return record
  }

  #nextId(): number {
    do this.#lastId = (this.#lastId + 1) >>> 0
    while (this.#lastId === 0 || this.#open.has(this.#lastId))
    return this.#lastId
  }
}
