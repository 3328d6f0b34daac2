import type { ShmwireError } from '../../../errors.js'
import { clearTimeout, newAbortController, nowMs, setTimeout, timeOfDayMs } from '../../../host.js'
import { log } from '../../../log/log.js'
import type { EngineConnection, Msg } from '../connection.js'
import { Acknowledgement, type Delivery, deliveryOf } from '../delivery.js'
import { StreamPublisher } from '../publisher.js'
import { Pull } from '../pull.js'
import { copyFields, dedupIdOf, readJobHead } from './job-message.js'
import { ensureWorkers, type QueueDescription, whatOf } from './queue-streams.js'

/** Delayed jobs that one process moves at once. */
const MOVES_MAX = 64
/** A job whose time is so near is moved now: returning it to the server takes about as long. */
const NEAR_MS = 5
/** Wait for room in the queue at most this part of the lease. */
const WAIT_PART = 0.5
/** Then let another process try after this time. */
const FULL_MS = 500

/**
 * Moves delayed jobs to the stream of the queue when their time has come. They have a stream of their own: the server keeps each one until
 * its time (a negative acknowledgement with a delay), and these deliveries are not attempts of the job. Every process that works on a queue,
 * or has created it, moves jobs; the server delivers each to one of them. A process that dies during a move lets it happen again, and the
 * id of the job makes the second copy a duplicate.
 */
export class DelayedJobs {
  readonly #connection: EngineConnection
  readonly #name: string
  readonly #description: QueueDescription
  readonly #publisher: StreamPublisher
  readonly #pull: Pull
  #moving = 0
  #isStopped = false

  constructor(connection: EngineConnection, name: string, description: QueueDescription) {
    const { names } = connection.settings
    this.#connection = connection
    this.#name = name
    this.#description = description
    const { dedupWindowMs } = description
    this.#publisher = new StreamPublisher(connection, { what: whatOf(name), dedupWindowMs })
    this.#pull = new Pull(connection, {
      what: `the delayed jobs of ${whatOf(name)}`,
      stream: names.stream('later', name),
      ensureConsumer: () => ensureWorkers(connection, names, 'later', name),
      onMessage: (message) => void this.#receive(message),
      onEnd: (error) => this.#onEnd(error),
    })
  }

  async start(): Promise<void> {
    await this.#pull.start()
    this.#takeMore()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#pull.stop()
  }

  #takeMore(): void {
    if (!this.#isStopped) this.#pull.setRoom(Math.max(0, MOVES_MAX - this.#moving))
  }

  async #receive(message: Msg): Promise<void> {
    this.#moving += 1
    try {
      await this.#move(message)
    } catch (error) {
      this.#log(error)
    }
    this.#moving -= 1
    this.#takeMore()
  }

  async #move(message: Msg): Promise<void> {
    const delivery = deliveryOf(message)
    const head = readJobHead(message.headers, String(delivery.streamSequence), this.#description.terms)
    const restMs = remainingMs(head.delayMs, delivery)
    if (restMs > NEAR_MS) return this.#settle(message, Acknowledgement.again(restMs))
    const { leaseMs } = this.#connection.settings
    const endMs = nowMs() + leaseMs
    const stop = newAbortController()
    const timer = setTimeout(() => stop.abort(), leaseMs * WAIT_PART)
    const headers = this.#connection.newHeaders()
    copyFields(message.headers, headers)
    const subject = this.#connection.settings.names.subject('queue', this.#name, 'job')
    try {
      const copy = { subject, body: message.data, headers, id: dedupIdOf(head.id) }
      await this.#publisher.publish(copy, { signal: stop.signal })
    } catch (error) {
      // The copy may exist, and the next one is a duplicate then.
      await this.#settle(message, Acknowledgement.again(FULL_MS))
      throw error
    } finally {
      clearTimeout(timer)
    }
    if (nowMs() < endMs) await this.#settle(message, Acknowledgement.done)
  }

  async #settle({ reply = '' }: Msg, text: string): Promise<void> {
    const { nats, settings } = this.#connection
    await nats.request(reply, text, { timeout: settings.answerMs })
  }

  #onEnd(error: ShmwireError | undefined): void {
    this.#isStopped = true
    if (error !== undefined) this.#log(error)
  }

  #log(error: unknown): void {
    const { logger } = this.#connection.settings
    log(logger, 'nats.jobNotMoved', () => ({ queue: this.#name, error }))
  }
}

/** The clocks of the server and of this machine can differ: the delay is as exact as they are, and never longer than it was pushed. */
function remainingMs(delayMs: number, { storedAtMs }: Delivery): number {
  return Math.min(delayMs, delayMs - (timeOfDayMs() - storedAtMs))
}
