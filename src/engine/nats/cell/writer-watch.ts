import { clearTimeout, setTimeout } from '../../../host.js'
import type { EngineConnection, Msg, NatsSubscription } from '../connection.js'
import { isUnanswerable } from '../faults.js'
import { FOREIGN_EPOCH, Part } from './cell-bucket.js'

/** Answers that may be missing before a writer counts as dead: its event loop can be busy. */
const SILENCES_MAX = 3

/**
 * Finds out whether the writer of the current value is alive: each writer answers on a subject with its epoch. Without a subscription to that
 * subject, the server answers at once that there is none, so the death of a writer shows at the next question.
 */
export class WriterWatch {
  readonly #connection: EngineConnection
  readonly #name: string
  readonly #onChange: () => void
  #timer: NodeJS.Timeout | undefined
  #closings: NatsSubscription | undefined
  #silences = 0
  #epoch = ''
  #isAlive = true
  #isStopped = false

  /** `onChange` runs when `isAlive` has changed. */
  constructor(connection: EngineConnection, name: string, onChange: () => void) {
    this.#connection = connection
    this.#name = name
    this.#onChange = onChange
  }

  get isAlive(): boolean {
    return this.#isAlive
  }

  /** After the first value has arrived. */
  async start(): Promise<void> {
    this.#closings = this.#connection.nats.subscribe(this.#subject(Part.CLOSED), {
      callback: (error, message) => {
        if (error === null) this.#onClosed(message)
      },
    })
    await this.#ask()
    this.#schedule()
  }

  /** A value has arrived. */
  seen(epoch: string): void {
    this.#epoch = epoch
    this.#silences = 0
    this.#set(true)
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
    const epoch = this.#epoch
    if (epoch === FOREIGN_EPOCH) return
    let isAlive = true
    try {
      await nats.request(this.#subject(`${Part.WRITER}.${epoch}`), undefined, { timeout: settings.answerMs })
      this.#silences = 0
    } catch (error) {
      if (!this.#connection.isConnected) return
      // No subscription at all; otherwise the writer, or this process, is only slow.
      this.#silences += 1
      isAlive = !isUnanswerable(error) && this.#silences < SILENCES_MAX
    }
    // Another writer may have taken over meanwhile.
    if (epoch === this.#epoch) this.#set(isAlive)
  }

  #onClosed(message: Msg): void {
    if (message.string() === this.#epoch) this.#set(false)
  }

  #set(isAlive: boolean): void {
    if (this.#isAlive === isAlive || this.#isStopped) return
    this.#isAlive = isAlive
    this.#onChange()
  }

  #subject(part: string): string {
    return this.#connection.settings.names.subject('cell', this.#name, part)
  }
}
