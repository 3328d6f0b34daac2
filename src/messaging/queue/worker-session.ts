import { nowMs } from '../../host.js'
import type { LinkedQueue, QueueLinks } from '../../linked-queue.js'
import type { FrameQueue } from './frame-queue.js'
import type { Job, LeaseHolder } from './job.js'
import { writeDispatch } from './job-frames.js'
import { QueueFrame, WorkerFrame } from './protocol.js'
import { ERROR_BYTES_MAX } from './reason.js'
import { CONCURRENCY_MAX } from './work-head.js'

const SLOT_FRAME_BYTES = 5
const LENGTH_BYTES = 4

/** Gets the frames of a worker, as actions on jobs. */
export interface SessionOwner {
  done(job: Job, result: Buffer | undefined): void
  failed(job: Job, error: Buffer): void
  extended(job: Job): void
  /** The attempt of the job has not begun. */
  unused(job: Job): void
  /** The lease has ended without a frame of the worker. */
  lost(job: Job, reason: string): void
  /** The worker has no lease any more, and gets no further job. */
  left(session: WorkerSession): void
  /** The worker may have room for further jobs. */
  roomMayBe(session: WorkerSession): void
  /** The session has frames, which `flush` sends. */
  wrote(session: WorkerSession): void
}

/** The lease has ended, and the worker has not sent the end of the job yet. */
const LOST = 'lost'

/** The queue's side of one worker: the slots of its jobs, and the frames in both directions. */
export class WorkerSession implements LeaseHolder, QueueLinks<WorkerSession> {
  queue: LinkedQueue<WorkerSession> | undefined
  previous: WorkerSession | undefined
  next: WorkerSession | undefined
  #concurrency: number
  readonly #owner: SessionOwner
  readonly #frames: FrameQueue
  readonly #bytesMax: number
  readonly #slots: (Job | typeof LOST | undefined)[] = []
  readonly #free: number[] = []
  #used = 0
  #drains = false
  #ended = false
  #wrote = false
  #waitsForRoom = false

  constructor(owner: SessionOwner, frames: FrameQueue, concurrency: number, bytesMax: number) {
    this.#owner = owner
    this.#frames = frames
    this.#concurrency = concurrency
    this.#bytesMax = bytesMax
  }

  get hasRoom(): boolean {
    return this.#used < this.#concurrency && !this.#drains && !this.#ended && !this.#isFull
  }

  /** Whether a message of this length can reach the worker. */
  fits(job: Job): boolean {
    return job.size < this.#bytesMax
  }

  /** Reserves a slot for the job, which `send` sends later. */
  assign(job: Job): void {
    job.isSent = false
    job.slot = this.#free.pop() ?? this.#slots.length
    this.#slots[job.slot] = job
    this.#used += 1
  }

  /** False: this lease has ended before. */
  send(job: Job, lease: number): boolean {
    if (this.#ended || job.lease !== lease || this.#slots[job.slot] !== job) return false
    job.isSent = true
    writeDispatch(this.#frames, job)
    this.#hasWritten()
    return true
  }

  flush(): void {
    this.#wrote = false
    this.#frames.flush()
  }

  leaseExpired(job: Job): void {
    this.#slots[job.slot] = LOST
    this.#write(QueueFrame.LOST, job.slot)
    this.#owner.lost(job, `the attempt took longer than its time limit of ${job.terms.timeLimitMs} ms`)
  }

  /** The queue closes: the worker gets no further job. */
  close(): void {
    if (this.#drains) return
    this.#drains = true
    this.#write(QueueFrame.CLOSING, 0)
    this.flush()
  }

  /** Ends all leases of the worker: its connection has ended. */
  end(): void {
    if (this.#ended) return
    this.#ended = true
    for (const job of this.#slots) {
      if (job === undefined || job === LOST) continue
      if (job.isSent) this.#owner.lost(job, 'the connection of its worker ended')
      else this.#owner.unused(job)
    }
    this.#slots.length = 0
    this.#frames.end()
    this.#owner.left(this)
  }

  /** Ends the stream of the worker with an error. */
  fail(error: Error): void {
    this.#frames.fail(error)
    this.end()
  }

  /** Reads a message of the worker. Returns its fault as a string. */
  receive(message: Buffer): string | undefined {
    for (let offset = 0; offset < message.length; ) {
      const body = offset + SLOT_FRAME_BYTES
      if (body > message.length) return 'a frame is cut off'
      const kind = message[offset] as number
      const slot = message.readUInt32LE(offset + 1)
      if (kind === WorkerFrame.DRAIN) {
        this.#drains = true
        offset = body
        continue
      }
      if (kind === WorkerFrame.ROOM) {
        if (slot < this.#concurrency || slot > CONCURRENCY_MAX) return `a room of ${slot} jobs`
        this.#concurrency = slot
        offset = body
        continue
      }
      const job = this.#slots[slot]
      if (job === undefined || (job !== LOST && !job.isSent))
        return `a frame for slot ${slot}, which has no job`
      const end = this.#frame(kind, job, slot, message, body)
      if (typeof end === 'string') return end
      offset = end
    }
    this.#owner.roomMayBe(this)
    return undefined
  }

  /** Returns the end of the frame, or the fault of the worker. */
  #frame(kind: number, job: Job | typeof LOST, slot: number, message: Buffer, at: number): number | string {
    // Before the timer of the queue fires, which can be late.
    if (job !== LOST && job.dueMs <= nowMs()) this.leaseExpired(job)
    const leased = this.#slots[slot]
    const held = leased === LOST ? undefined : leased
    switch (kind) {
      case WorkerFrame.DONE:
        this.#release(slot)
        if (held !== undefined) this.#owner.done(held, undefined)
        return at
      case WorkerFrame.UNUSED:
        this.#release(slot)
        if (held !== undefined) this.#owner.unused(held)
        return at
      case WorkerFrame.EXTEND:
        if (held === undefined) return at
        this.#owner.extended(held)
        this.#write(QueueFrame.EXTENDED, slot)
        return at
      case WorkerFrame.RESULT:
      case WorkerFrame.FAILED:
        return this.#withBytes(kind, held, slot, message, at)
      default:
        return `a frame of the unknown kind ${kind}`
    }
  }

  #withBytes(kind: number, job: Job | undefined, slot: number, message: Buffer, at: number): number | string {
    const start = at + LENGTH_BYTES
    if (start > message.length) return 'a frame is cut off'
    const end = start + message.readUInt32LE(at)
    if (end > message.length) return 'a frame is cut off'
    const bytes = message.subarray(start, end)
    if (kind === WorkerFrame.FAILED && bytes.length > ERROR_BYTES_MAX)
      return `an error of ${bytes.length} bytes, more than ${ERROR_BYTES_MAX}`
    this.#release(slot)
    if (job === undefined) return end
    if (kind === WorkerFrame.FAILED) this.#owner.failed(job, bytes)
    else this.#owner.done(job, bytes)
    return end
  }

  /** The worker does not read. The owner hears of its room when it has. */
  get #isFull(): boolean {
    const { isFull } = this.#frames
    if (isFull && !this.#waitsForRoom) {
      this.#waitsForRoom = true
      this.#frames.whenRoom(() => {
        this.#waitsForRoom = false
        this.#owner.roomMayBe(this)
      })
    }
    return isFull
  }

  #hasWritten(): void {
    if (this.#wrote) return
    this.#wrote = true
    this.#owner.wrote(this)
  }

  #release(slot: number): void {
    this.#slots[slot] = undefined
    this.#free.push(slot)
    this.#used -= 1
  }

  #write(kind: number, slot: number): void {
    const at = this.#frames.reserve(SLOT_FRAME_BYTES)
    this.#frames.memory[at] = kind
    this.#frames.memory.writeUInt32LE(slot, at + 1)
    this.#hasWritten()
  }
}
