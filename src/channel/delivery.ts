import { EventEmitter } from 'node:events'
import { ErrorCode, ShmwireError } from '../errors.js'
import { TURN_MS_MAX } from '../turn-budget.js'
import { BACKLOG_BYTES_MAX, BACKLOG_MESSAGES_MAX, Inbox } from './inbox.js'

/** What the delivery needs of its channel. */
export interface DeliveryHost {
  /** Messages have left an inbox that was full, or need not wait for a listener any more. */
  onRoom(): void
  /** Makes a message fit to be held. */
  keep(message: unknown): unknown
  /** The memory that a message takes while it is held, besides the memory that it is a part of. */
  heldBytes(payload: Buffer): number
  /** What a held message is a part of; undefined where `keep` copies it. */
  memoryOf(payload: Buffer): ArrayBufferLike | undefined
}

/**
 * Who gets the messages: a loop or a blocking call that takes them one by one, else the listeners of `message` and
 * `messages`, else nobody yet, and they are held. Invariant: no message overtakes one that is held.
 */
export class Delivery {
  readonly #emitter: EventEmitter
  readonly #inbox: Inbox
  readonly #host: DeliveryHost
  /** Listeners are there, nobody else takes, and nothing is held: messages go straight to the listeners. */
  #flowing = false
  #flowScheduled = false
  #listeners = { single: false, batch: false }
  /** The only listener of `message` while nobody listens to `messages`: called without the emitter's detour, a tenth of the way. */
  #sole: ((message: unknown) => void) | undefined
  #batch: unknown[] = []
  /** Listeners of `message` have had what is in the batch. */
  #batchHeard = false
  /** Blocking calls that want the messages at present. */
  #pulling = 0
  #discarded = false
  /** While the channel closes, a message came that nobody takes: those behind it would come behind a gap. */
  #refused = false
  /** What follows the end of the messages, while listeners still get those that were held. */
  #whenFlowed: (() => void) | undefined
  /** What comes behind the batch that its listeners are having. */
  #behindBatch: (() => boolean) | undefined

  constructor(emitter: EventEmitter, host: DeliveryHost) {
    this.#emitter = emitter
    this.#host = host
    this.#inbox = new Inbox(() => host.onRoom())
    this.watchListeners()
  }

  /** Notices listeners that come and go. Again, after all listeners were removed, these with them. */
  watchListeners(): void {
    const emitter = this.#emitter
    const watch = (event: string, listener: (name: unknown) => void): void => {
      // Not anew: the user's listeners of these events hear of it, and what one throws must not leave us without ours.
      if (!emitter.listeners(event).includes(listener)) emitter.on(event, listener)
    }
    watch('newListener', this.#listenerAdded)
    watch('removeListener', this.#listenerRemoved)
    this.#flowing = this.#listened() && this.#flowing
    if (this.#whenFlowed !== undefined) this.#flowLater()
  }

  readonly #listenerAdded = (name: unknown): void => {
    if (name !== 'message' && name !== 'messages') return
    // It is not there yet, but will be when the next message comes.
    this.#sole = undefined
    this.#flowLater()
  }

  readonly #listenerRemoved = (name: unknown): void => {
    if (name === 'message' || name === 'messages') {
      this.#flowing = this.#listened() && this.#flowing
      // Before any later message: what the listener would have got at the end of the batch.
      if (!this.#listeners.batch)
        for (const message of this.#batch.splice(0))
          if (!this.#batchHeard) this.#inbox.push(this.#host.keep(message), 0)
      if (this.#flowing && !this.#inbox.empty) {
        this.#flowing = false
        this.#flowLater()
      }
      if (this.#whenFlowed !== undefined) this.#flowLater()
      if (this.full && !this.#listened()) this.#host.onRoom()
    }
  }

  /** The sender has to wait. */
  get full(): boolean {
    return this.#inbox.full
  }

  /** More is held than may be while the link reads on. */
  get overflows(): boolean {
    return this.#inbox.overflows
  }

  /** The end of a channel whose loop takes no message while it closes. */
  overflow(): ShmwireError {
    return new ShmwireError(
      ErrorCode.BACKLOG,
      `${this.#inbox.messages} messages in ${this.#inbox.bytes} bytes of memory wait for a loop while the channel closes, more than ` +
        `${BACKLOG_MESSAGES_MAX} or ${BACKLOG_BYTES_MAX} bytes; leave the loop before you wait for close()`,
    )
  }

  /** Listeners get the messages, as fast as they can. */
  get flows(): boolean {
    return this.#listened() && !this.taken
  }

  /** Whether a message that arrives while the channel closes is kept. Without a consumer, those that fit are, and none behind them. */
  get accepts(): boolean {
    if (this.full && !this.taken && !this.#listened()) this.#refused = true
    return !this.#refused
  }

  /** Somebody takes messages one by one. */
  get taken(): boolean {
    return this.#inbox.iterating || this.#pulling > 0
  }

  /** A message has arrived in `payload`. */
  take(message: unknown, payload: Buffer): void {
    if (this.#flowing) {
      this.#give(message)
      return
    }
    if (this.#discarded) return
    const host = this.#host
    this.#inbox.push(host.keep(message), host.heldBytes(payload), host.memoryOf(payload))
  }

  /** The messages that came together have all arrived. */
  batchEnd(): void {
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#emitter.emit('messages', batch)
  }

  /** Messages wait for the end of their batch. */
  get batching(): boolean {
    return this.#batch.length > 0
  }

  /**
   * Ends the batch before a record that is no part of it: then `next` runs, also when a listener throws, and sooner when
   * one blocks, who would else read what comes behind that record.
   */
  batchEndBefore(next: () => boolean): boolean {
    this.#behindBatch = next
    let goesOn = true
    try {
      this.batchEnd()
    } finally {
      goesOn = this.catchUp()
    }
    return goesOn
  }

  /** Runs what comes behind the batch, if that has not been done. */
  catchUp(): boolean {
    const next = this.#behindBatch
    this.#behindBatch = undefined
    return next?.() ?? true
  }

  /** The channel was destroyed: nobody gets what is held, or what may still come. */
  discard(): void {
    this.#discarded = true
    this.#flowing = false
    this.#batch = []
    this.#inbox.clear()
    if (this.#whenFlowed !== undefined) this.#flowLater()
  }

  /** The end of the messages: what is held can still be taken. `over` runs once listeners have had what is held for them. */
  end(error: Error | undefined, over: () => void): void {
    try {
      this.batchEnd()
    } finally {
      this.#inbox.end(error)
      this.#whenFlowed = over
      if (this.#flowsOn) this.#flowLater()
      else this.#flowed()
    }
  }

  iterate(): AsyncIterableIterator<unknown, undefined> {
    const iterator = this.#inbox.iterate(() => this.#flowLater())
    this.#flowing = false
    if (this.#whenFlowed !== undefined) this.#flowLater()
    return iterator
  }

  /** From now on the messages go to the inbox, for a blocking call to take them from there. */
  pull(): Inbox {
    this.#pulling += 1
    this.#flowing = false
    return this.#inbox
  }

  endPull(): void {
    this.#pulling -= 1
    if (this.#listeners.single || this.#listeners.batch) this.#flowLater()
  }

  /** Later, so that whoever adds a listener has finished what it was doing. */
  #flowLater(): void {
    // Once: a program that only ever blocks has no next tick, and they would pile up.
    if (this.#flowScheduled) return
    this.#flowScheduled = true
    process.nextTick(() => {
      this.#flowScheduled = false
      this.#flow()
    })
  }

  /** A turn of the event loop comes first: timers and sockets get theirs. */
  #flowInNextTurn(): void {
    if (this.#flowScheduled) return
    this.#flowScheduled = true
    setImmediate(() => {
      this.#flowScheduled = false
      this.#flow()
    })
  }

  /** Listeners will get what is held. */
  get #flowsOn(): boolean {
    return !this.#inbox.empty && !this.#inbox.iterating && this.#listened()
  }

  #flowed(): void {
    const over = this.#whenFlowed
    this.#whenFlowed = undefined
    over?.()
  }

  /** Begins, or goes on, to deliver messages to the listeners, those that were held first, for as long as a turn may last. */
  #flow(): void {
    if (!this.#flowsOn) {
      this.#flowing = this.#listened() && !this.taken
      this.#flowed()
      return
    }
    if (this.#pulling > 0) return
    const endMs = performance.now() + TURN_MS_MAX
    // What a listener schedules meanwhile comes in the next turn, too.
    this.#flowScheduled = true
    try {
      do this.#give(this.#inbox.shift())
      while (this.#flowsOn && this.#pulling === 0 && performance.now() < endMs)
      this.batchEnd()
    } finally {
      this.#flowScheduled = false
      // A listener that throws ends this turn, not the flow.
      if (this.#flowsOn) this.#flowInNextTurn()
      else this.#flow()
    }
  }

  #give(message: unknown): void {
    const sole = this.#sole
    if (sole !== undefined) {
      sole.call(this.#emitter, message)
      return
    }
    const { single, batch } = this.#listeners
    if (batch) this.#batch.push(message)
    this.#batchHeard = single
    if (!single) return
    try {
      this.#emitter.emit('message', message)
    } catch (error) {
      // It ends the turn, and with it the batch: nothing else may follow, and a view is good no longer than this.
      this.batchEnd()
      throw error
    }
  }

  #listened(): boolean {
    const single = this.#emitter.listenerCount('message') > 0
    const batch = this.#emitter.listenerCount('messages') > 0
    this.#listeners = { single, batch }
    const listeners = this.#emitter.rawListeners('message') as ((message: unknown) => void)[]
    // What an async listener rejects with is the emitter's business, if it was told so.
    const isSole = listeners.length === 1 && !batch && !EventEmitter.captureRejections
    this.#sole = isSole ? listeners[0] : undefined
    return single || batch
  }
}
