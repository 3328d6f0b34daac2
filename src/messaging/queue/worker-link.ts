import { ErrorCode, ShmwireError } from '../../errors.js'
import { nextTick } from '../../host.js'
import { combinedBytes, FrameQueue } from './frame-queue.js'
import { readDispatch } from './job-frames.js'
import { QueueFrame, WorkerFrame } from './protocol.js'
import { type JobLink, leaseLost, RunningJob } from './running-job.js'
import { readWorkAnswer, WORK_ANSWER_BYTES, workHead } from './work-head.js'

const SLOT_FRAME_BYTES = 5
const LENGTH_BYTES = 4
/** A frame with a result, and the record around it. */
const FRAME_BYTES = 64

/** The queue does not speak the protocol of this worker, and would not after another connection. */
export class QueueFault extends ShmwireError {
  constructor(fault: string) {
    super(ErrorCode.CORRUPT, `the queue sent ${fault}; the worker is closed`)
  }
}

/** The worker that a link belongs to. */
export interface LinkOwner {
  /** A job has arrived. The owner calls `done`, `failed` or `unused` once. */
  start(job: RunningJob): void
  /** The acknowledgement of a job arrived after the end of its lease. */
  tooLate(job: RunningJob, error: ShmwireError): void
}

/** The worker's side of one conversation with the queue. */
export class WorkerLink implements JobLink {
  /** The messages to the queue. */
  readonly frames: FrameQueue
  readonly resultBytesMax: number
  /** Of the process of the queue. */
  epoch = ''
  readonly #owner: LinkOwner
  #concurrency: number
  readonly #jobs: (RunningJob | undefined)[] = []
  /** Resolves when the conversation has ended. */
  readonly ended: Promise<void>
  #resolveEnded!: () => void
  #messages: AsyncIterator<unknown> | undefined
  #scheduled = false
  #ended = false

  constructor(owner: LinkOwner, codec: string, concurrency: number, maxMessageBytes: number) {
    this.#owner = owner
    this.#concurrency = concurrency
    this.frames = new FrameQueue(combinedBytes(maxMessageBytes))
    this.resultBytesMax = Math.max(0, maxMessageBytes - FRAME_BYTES)
    const head = workHead(codec, concurrency)
    const at = this.frames.reserve(head.length)
    this.frames.memory.set(head, at)
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  /** Reads the messages of the queue. Resolves when the queue has ended the conversation. */
  async run(messages: AsyncIterable<unknown>, onAccepted: () => void): Promise<void> {
    let accepted = false
    this.#messages = messages[Symbol.asyncIterator]()
    try {
      for (;;) {
        const { done, value: message } = await this.#messages.next()
        if (done === true) break
        const fault = accepted ? this.#receive(message as Buffer) : this.#firstMessage(message as Buffer)
        if (fault !== undefined) throw new QueueFault(fault)
        if (!accepted) onAccepted()
        accepted = true
      }
    } finally {
      this.#end()
      await this.#messages.return?.()
      this.#resolveEnded()
    }
  }

  /** Ends the conversation at once, and with it the leases. */
  abandon(): void {
    this.#end()
    // The loop that reads the messages ends, and reports nothing else.
    void this.#messages?.return?.()
  }

  /** The handler has returned. */
  done(job: RunningJob, result: Uint8Array | undefined): void {
    if (result === undefined) this.#finish(job, WorkerFrame.DONE)
    else this.#finishWith(job, WorkerFrame.RESULT, result)
  }

  failed(job: RunningJob, error: Buffer): void {
    this.#finishWith(job, WorkerFrame.FAILED, error)
  }

  /** The job has not begun. */
  unused(job: RunningJob): void {
    this.#finish(job, WorkerFrame.UNUSED)
  }

  extend(job: RunningJob): void {
    if (this.#ended) return
    this.#write(WorkerFrame.EXTEND, job.slot, 0)
  }

  /** The worker can have so many jobs of this link, not fewer than before. */
  grow(concurrency: number): void {
    if (this.#ended || concurrency <= this.#concurrency) return
    this.#concurrency = concurrency
    this.#write(WorkerFrame.ROOM, concurrency, 0)
  }

  /** The queue sends no further job. */
  drain(): void {
    if (this.#ended) return
    this.#write(WorkerFrame.DRAIN, 0, 0)
  }

  /** Ends the messages to the queue. It ends the conversation when it has read them. */
  finish(): void {
    this.frames.end()
  }

  #finish(job: RunningJob, kind: number): void {
    if (!this.#takeEnd(job)) return
    this.#write(kind, job.slot, 0)
  }

  #finishWith(job: RunningJob, kind: number, bytes: Uint8Array): void {
    if (!this.#takeEnd(job)) return
    const at = this.#write(kind, job.slot, LENGTH_BYTES + bytes.length)
    const { memory } = this.frames
    memory.writeUInt32LE(bytes.length, at)
    memory.set(bytes, at + LENGTH_BYTES)
  }

  /** False: the link has ended, and with it the lease. */
  #takeEnd(job: RunningJob): boolean {
    job.isDone = true
    job.release()
    return !this.#ended
  }

  /** Returns the offset of the further bytes. */
  #write(kind: number, slot: number, bytes: number): number {
    const at = this.frames.reserve(SLOT_FRAME_BYTES + bytes)
    this.frames.memory[at] = kind
    this.frames.memory.writeUInt32LE(slot, at + 1)
    if (!this.#scheduled) {
      this.#scheduled = true
      nextTick(this.#flush)
    }
    return at + SLOT_FRAME_BYTES
  }

  readonly #flush = (): void => {
    this.#scheduled = false
    this.frames.flush()
  }

  #firstMessage(message: Buffer): string | undefined {
    const answer = readWorkAnswer(message)
    if ('fault' in answer) return answer.fault
    this.epoch = answer.epoch
    // Jobs can follow in the same message.
    return this.#receive(message.subarray(WORK_ANSWER_BYTES))
  }

  /** Returns the fault of the queue. */
  #receive(message: Buffer): string | undefined {
    for (let offset = 0; offset < message.length; ) {
      const kind = message[offset]
      if (offset + SLOT_FRAME_BYTES > message.length) return 'a frame that is cut off'
      const slot = message.readUInt32LE(offset + 1)
      if (kind === QueueFrame.JOB) {
        const read = readDispatch(message, offset)
        if (typeof read === 'string') return read
        const fault = this.#start(new RunningJob(read, this))
        if (fault !== undefined) return fault
        offset = read.parts.end
        continue
      }
      const fault = this.#notice(kind, slot)
      if (fault !== undefined) return fault
      offset += SLOT_FRAME_BYTES
    }
    return undefined
  }

  #start(job: RunningJob): string | undefined {
    if (job.slot >= this.#concurrency) return `a job in slot ${job.slot} of ${this.#concurrency}`
    if (this.#jobs[job.slot]?.isDone === false) return `a job in slot ${job.slot}, which has one`
    this.#jobs[job.slot] = job
    this.#owner.start(job)
    return undefined
  }

  #notice(kind: number | undefined, slot: number): string | undefined {
    if (kind === QueueFrame.CLOSING) return undefined
    const job = this.#jobs[slot]
    if (job === undefined) return `a frame for slot ${slot}, which has no job`
    if (kind === QueueFrame.LOST) {
      const error = leaseLost('its time limit has passed')
      if (job.isDone) this.#owner.tooLate(job, error)
      else job.end(error)
      return undefined
    }
    if (kind !== QueueFrame.EXTENDED) return `a frame of the unknown kind ${kind}`
    // A job that ended meanwhile does not wait for it.
    return job.extended() || job.isDone ? undefined : 'an extension that was not requested'
  }

  #end(): void {
    this.#ended = true
    this.frames.end()
    for (const job of this.#jobs)
      if (job?.isDone === false) job.end(leaseLost('the connection to the queue has ended'))
  }
}
