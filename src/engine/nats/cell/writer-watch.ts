import { clearTimeout, setTimeout } from '../../../host.js'
import type { EngineConnection, Msg, NatsSubscription } from '../connection.js'
import { isUnanswerable } from '../faults.js'
import { Part } from './cell-bucket.js'

/** Answers that may be missing before a writer counts as dead: its event loop can be busy. */
const SILENCES_MAX = 3

/**
 * Finds out whether the writer of a cell is alive: it answers on a subject. Without a subscription to that subject, the server answers at
 * once that there is none, so the death of a writer shows at the next question.
 */
export class WriterWatch {
  readonly #connection: EngineConnection
  readonly #name: string
  readonly #onChange: () => void
  #timer: NodeJS.Timeout | undefined
  #closings: NatsSubscription | undefined
  #silences = 0
  #epoch: string | undefined
  #isStopped = false

  /** `onChange` runs when `epoch` has changed. */
  constructor(connection: EngineConnection, name: string, onChange: () => void) {
    this.#connection = connection
    this.#name = name
    this.#onChange = onChange
  }

  /** Of the living writer; undefined: there is none. */
  get epoch(): string | undefined {
    return this.#epoch
  }

  async start(): Promise<void> {
    this.#closings = this.#connection.nats.subscribe(this.#subject(Part.CLOSED), {
      callback: (error, message) => {
        if (error === null) this.#onClosed(message)
      },
    })
    await this.#ask()
    this.#schedule()
  }

  /** A value shows that its writer lives. */
  seen(epoch: string): void {
    this.#silences = 0
    this.#set(epoch)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    if (this.#closings?.isClosed() === false) this.#closings.unsubscribe()
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      void this.#ask().then(() => this.#schedule())
    }, this.#connection.settings.heartbeatMs)
  }

  /** Never rejects. */
  async #ask(): Promise<void> {
    const { nats, settings } = this.#connection
    try {
      const answer = await nats.request(this.#subject(Part.WRITER), undefined, { timeout: settings.answerMs })
      this.#silences = 0
      this.#set(answer.string().slice(0, 64))
    } catch (error) {
      if (this.#isStopped || !this.#connection.isConnected) return
      // No subscription at all; otherwise the writer, or this process, is only slow.
      this.#silences += 1
      if (isUnanswerable(error) || this.#silences >= SILENCES_MAX) this.#set(undefined)
    }
  }

  #onClosed(message: Msg): void {
    if (message.string() === this.#epoch) this.#set(undefined)
  }

  #set(epoch: string | undefined): void {
    if (this.#epoch === epoch || this.#isStopped) return
    this.#epoch = epoch
    this.#onChange()
  }

  #subject(part: string): string {
    return this.#connection.settings.names.subject('cell', this.#name, part)
  }
}
