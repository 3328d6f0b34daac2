import { backOffMs } from '../../../back-off.js'
import { encodeRemoteError } from '../../../channel/remote-error.js'
import { clearTimeout, newAbortController, setTimeout, sleep } from '../../../host.js'
import { log } from '../../../log/log.js'
import { ERROR_BYTES_MAX, reasonOf } from '../../../messaging/queue/reason.js'
import type { EngineConnection, Msg } from '../connection.js'
import { Acknowledgement, type Delivery } from '../delivery.js'
import { faultOf, isPassing } from '../faults.js'
import { StreamPublisher } from '../publisher.js'
import { addDeadHead, addLetterHead, copyFields, type JobHead, removeDeadHead } from './job-message.js'
import type { QueueDescription } from './queue-streams.js'
import { outcomeHeaders } from './replies.js'

const WAIT_MIN_MS = 20
const WAIT_MAX_MS = 1_000

/** A delivered job, which may be malformed. */
export interface Delivered {
  readonly message: Msg
  readonly delivery: Delivery
  readonly head: JobHead | undefined
}

/** Ends a job of a worker: acknowledges it, returns it, or buries it. All of it can happen twice without harm. */
export class Settlement {
  readonly #connection: EngineConnection
  readonly #what: string
  readonly #description: QueueDescription
  readonly #deadSubject: string
  readonly #burials: StreamPublisher

  constructor(connection: EngineConnection, name: string, what: string, description: QueueDescription) {
    const { names } = connection.settings
    const { deadLetters } = description
    this.#connection = connection
    this.#what = what
    this.#description = description
    this.#deadSubject =
      deadLetters === undefined
        ? names.subject('queue', name, 'dead')
        : names.subject('queue', deadLetters, 'job')
    this.#burials = new StreamPublisher(connection, {
      what: `the dead letters of ${what}`,
      dedupWindowMs: description.dedupWindowMs,
    })
  }

  /**
   * Sends an acknowledgement until the server confirms it. `assertHeld` throws when the lease has ended, because another worker can have the
   * job then. Rejects with that error, or the fault of the server.
   */
  async confirm({ reply = '' }: Msg, text: string, assertHeld: () => void): Promise<void> {
    const { nats, settings } = this.#connection
    for (let tries = 1; ; tries += 1) {
      assertHeld()
      try {
        await nats.request(reply, text, { timeout: settings.answerMs })
        return
      } catch (error) {
        if (!isPassing(error)) throw faultOf(error, this.#what, { executed: 'unknown' })
      }
      await sleep(backOffMs(tries, WAIT_MIN_MS, WAIT_MAX_MS))
    }
  }

  /** Sends the result to the program that waits for it, if there is one. */
  answer(head: JobHead, result: Uint8Array | undefined): void {
    const outcome = result === undefined ? 'nothing' : 'result'
    this.#reply(head, outcome, result ?? new Uint8Array())
  }

  fail(head: JobHead, thrown: unknown): void {
    this.#reply(head, 'error', encodeRemoteError(thrown, ERROR_BYTES_MAX))
  }

  /** The wait before the next attempt: full jitter. */
  delayMs({ terms }: JobHead, attempt: number): number {
    return backOffMs(attempt, terms.backOffMinMs, terms.backOffMaxMs)
  }

  /**
   * Copies the job to the dead ones, and removes it when the server has confirmed the copy. If that fails, the job stays and is delivered
   * again, with more deliveries than attempts, so that the next worker buries it.
   */
  async bury(job: Delivered, attempts: number, thrown: unknown, assertHeld: () => void): Promise<void> {
    const { message, delivery, head } = job
    const headers = this.#connection.newHeaders()
    copyFields(message.headers, headers)
    removeDeadHead(headers)
    const reason = reasonOf(encodeRemoteError(thrown, ERROR_BYTES_MAX))
    if (this.#description.deadLetters === undefined) addDeadHead(headers, { attempts, reason })
    else addLetterHead(headers, { id: head?.id ?? String(delivery.streamSequence), attempts, reason })
    const stop = newAbortController()
    // The dead-letter queue can be full for ever. Then this worker must not keep the job.
    const timer = setTimeout(() => stop.abort(), this.#connection.settings.leaseMs)
    try {
      const id = `dead-${message.subject}-${delivery.streamSequence}-${Math.round(delivery.storedAtMs)}`
      await this.#burials.publish(
        { subject: this.#deadSubject, body: message.data, headers, id },
        { signal: stop.signal },
      )
      await this.confirm(message, Acknowledgement.remove, assertHeld)
    } finally {
      clearTimeout(timer)
    }
    if (head !== undefined) this.fail(head, thrown)
  }

  #reply({ reply }: JobHead, outcome: 'result' | 'nothing' | 'error', body: Uint8Array): void {
    if (reply === undefined) return
    try {
      this.#connection.nats.publish(reply, body, { headers: outcomeHeaders(this.#connection, outcome) })
    } catch (error) {
      // The connection is closed: the job is not acknowledged either, and runs again.
      log(this.#connection.settings.logger, 'nats.resultLost', () => ({ consumer: this.#what, error }))
    }
  }
}
