import { EventEmitter } from 'node:events'
import type { ShmwireError } from '../errors.js'
import { nextTick, nowMs, setImmediate } from '../host.js'
import type { Link } from '../link/link.js'
import { TURN_MS_MAX } from '../turn-budget.js'
import { runApart } from '../uncaught.js'
import { heldEnds } from './held-ends.js'
import type { MessageCodec } from './message-codec.js'
import { ReceiveQueue } from './receive-queue.js'

/**
 * Delivers messages: to a loop or a blocking call, else to the listeners of `message` and `messages`.
 * Without a consumer they are held. Invariant: no message overtakes a held one.
 */
export class Delivery {
  readonly #emitter: EventEmitter
  readonly #link: Pick<Link, 'resume'>
  readonly #codec: Pick<MessageCodec, 'heldBytes'>
  /** Messages lie in the peer's memory: a held one must be copied. */
  readonly #borrows: boolean
  readonly #queue: ReceiveQueue
  /** There are listeners, no other consumer and no held messages: messages go straight to the listeners. */
  #direct = false
  #flowScheduled = false
  #listeners = { single: false, batch: false }
  /** The only listener, of `message`: called directly, which takes a tenth of the time of `emit`. */
  #sole: ((message: unknown) => void) | undefined
  #batch: unknown[] = []
  /** Listeners of `message` have had the messages of the batch. */
  #batchDelivered = false
  /** Blocking calls that take the messages. */
  #pulling = 0
  #discarded = false
  /** While the channel closed, a message was dropped: a later one would follow a gap. */
  #refused = false
  /** The user has stopped the listeners. */
  #paused = false
  /** The peer sends no more messages. */
  #messagesEnded = false
  /** Runs when the last message of a peer that has ended was delivered. */
  #onLastMessage: (() => void) | undefined
  /** Runs at the end, once the listeners that there are have had the held messages. */
  #onEnded: (() => void) | undefined
  /** Runs last, when no held message waits for a listener any more. */
  #onAllDelivered: (() => void) | undefined
  /** Ends the wait for a consumer of the held messages of an ended channel. */
  #release: (() => void) | undefined
  /** `onAllDelivered` has run: listeners get no message any more. */
  #over = false

  constructor(
    emitter: EventEmitter,
    link: Pick<Link, 'resume' | 'borrowsPeerMemory'>,
    codec: Pick<MessageCodec, 'heldBytes'>,
  ) {
    this.#emitter = emitter
    this.#link = link
    this.#codec = codec
    this.#borrows = link.borrowsPeerMemory === true
    this.#queue = new ReceiveQueue(
      () => link.resume(),
      () => this.#lastMessageLater(),
    )
    this.watchListeners()
  }

  /** Watches for listeners. Called again after all listeners were removed, which includes these. */
  watchListeners(): void {
    const emitter = this.#emitter
    const watch = (event: string, listener: (name: unknown) => void): void => {
      // Only if missing: `on` emits newListener to the user's listeners, which may throw.
      if (!emitter.listeners(event).includes(listener)) emitter.on(event, listener)
    }
    watch('newListener', this.#listenerAdded)
    watch('removeListener', this.#listenerRemoved)
    this.#direct = this.#listened() && this.#direct
    if (this.#onAllDelivered !== undefined) this.#flowLater()
  }

  readonly #listenerAdded = (name: unknown): void => {
    if (name !== 'message' && name !== 'messages') return
    // The emitter adds it after this event.
    this.#sole = undefined
    this.#flowLater()
  }

  readonly #listenerRemoved = (name: unknown): void => {
    if (name === 'message' || name === 'messages') {
      this.#direct = this.#listened() && this.#direct
      // The messages that the listener would have got at the end of the batch stay before later ones.
      if (!this.#listeners.batch)
        for (const message of this.#batch.splice(0))
          if (!this.#batchDelivered) this.#queue.push(this.#keep(message), 0)
      if (this.#direct && !this.#queue.empty) {
        this.#direct = false
        this.#flowLater()
      }
      if (this.#onAllDelivered !== undefined) this.#flowLater()
      if (this.#queue.full && !this.#listened()) this.#link.resume()
    }
  }

  /** More is held than may be while the link reads on. */
  get overflows(): boolean {
    return this.#queue.overflows
  }

  /** The error of a channel whose loop takes no message while it closes. */
  overflow(): ShmwireError {
    const remedy = 'leave the loop before you wait for close()'
    return this.#queue.overflowError('wait for a loop while the channel closes', remedy)
  }

  /**
   * Whether the link may deliver more. A blocking call reads on, because its reply may come after the
   * messages. A side that closes reads on, to find the peer's CLOSE, unless listeners slow it down.
   */
  mayReadOn(closing: boolean): boolean {
    if (!this.#queue.full || this.#pulling > 0) return true
    return closing && (!this.#listened() || this.#taken)
  }

  /**
   * Whether a message that arrives while the channel closes is kept. Without a consumer, messages are
   * kept up to the limit, and none after it.
   */
  get accepts(): boolean {
    if (this.#queue.full && !this.#taken && !this.#listened()) this.#refused = true
    return !this.#refused
  }

  /** A loop or a blocking call takes messages. */
  get #taken(): boolean {
    return this.#queue.iterating || this.#pulling > 0
  }

  /** A message has arrived in `payload`. */
  take(message: unknown, payload: Buffer): void {
    if (this.#direct) this.#deliver(message)
    else if (!this.#discarded) this.#hold(message, payload)
  }

  #hold(message: unknown, payload: Buffer): void {
    const bytes = this.#codec.heldBytes(payload)
    if (this.#borrows) this.#queue.push(this.#keep(message), bytes + payload.length)
    else this.#queue.push(message, bytes, payload)
  }

  #keep(message: unknown): unknown {
    return this.#borrows ? Buffer.from(message as Buffer) : message
  }

  /** The messages of a batch have all arrived. */
  batchEnd(): void {
    if (this.#batch.length === 0) return
    const batch = this.#batch
    this.#batch = []
    this.#emitter.emit('messages', batch)
  }

  /** The channel was destroyed: no message is delivered any more. */
  discard(): void {
    this.#discarded = true
    this.#direct = false
    this.#batch = []
    this.#onLastMessage = undefined
    this.#queue.clear()
    if (this.#onAllDelivered !== undefined) this.#flowLater()
  }

  /**
   * No message follows. `onEnded` runs once the listeners that there are have had the held messages. `onAllDelivered` runs after it, once
   * a consumer has come for them: a listener has had them, or a loop takes them. It does not wait for ever; see HeldEnds.
   */
  end(error: Error | undefined, onEnded: () => void, onAllDelivered: () => void): void {
    try {
      this.batchEnd()
    } finally {
      this.#queue.end(error)
      this.#onEnded = onEnded
      this.#onAllDelivered = onAllDelivered
      if (this.#flowsOn) this.#flowLater()
      else this.#ended()
    }
  }

  /** Listeners get no message until `resume`. */
  pause(): void {
    if (this.#paused) return
    try {
      this.batchEnd()
    } finally {
      this.#paused = true
      this.#direct = this.#listened()
      // While the channel closes, messages without listeners must not stop the link.
      if (this.#queue.full) this.#link.resume()
    }
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#flowLater()
  }

  /** The peer sends no more messages. `onLast` runs after the last one, and before `onAllDelivered` of `end`. */
  endMessages(onLast: () => void): void {
    this.#messagesEnded = true
    this.#onLastMessage = onLast
    this.#queue.end(undefined)
    this.#lastMessageLater()
  }

  /** A blocking call would wait for ever. */
  get messagesEnded(): boolean {
    return this.#messagesEnded
  }

  /** In a tick, because a call of the user or of the link can lead here. */
  #lastMessageLater(): void {
    if (this.#onLastMessage === undefined || !this.#queue.empty) return
    nextTick(() => this.#queue.empty && this.#lastMessage())
  }

  #lastMessage(): void {
    const onLast = this.#onLastMessage
    this.#onLastMessage = undefined
    onLast?.()
  }

  iterate(): AsyncIterableIterator<unknown, undefined> {
    const iterator = this.#queue.iterate(() => this.#flowLater())
    this.#direct = false
    if (this.#onAllDelivered !== undefined) this.#flowLater()
    return iterator
  }

  /** From now on the messages go to the queue, for a blocking call to take them from there. */
  pull(): ReceiveQueue {
    this.#pulling += 1
    this.#direct = false
    return this.#queue
  }

  endPull(): void {
    this.#pulling -= 1
    if (this.#listeners.single || this.#listeners.batch || this.#onAllDelivered !== undefined)
      this.#flowLater()
  }

  /** In the next tick, so that the code that adds a listener can finish its work, or in the next turn. */
  #flowLater(inNextTurn = false): void {
    // Once: a program that always blocks has no next tick, and the ticks would accumulate.
    if (this.#flowScheduled) return
    this.#flowScheduled = true
    const flow = (): void => {
      this.#flowScheduled = false
      this.#flow()
    }
    if (inNextTurn) setImmediate(flow)
    else nextTick(flow)
  }

  /** Listeners will get the held messages. */
  get #flowsOn(): boolean {
    return !this.#over && !this.#queue.empty && !this.#queue.iterating && this.#listened()
  }

  #ended(): void {
    const onEnded = this.#onEnded
    this.#onEnded = undefined
    onEnded?.()
    if (this.#onAllDelivered === undefined) return
    if (this.#queue.empty || this.#queue.iterating) this.#allDelivered()
    else this.#release ??= heldEnds.hold(() => this.#allDelivered())
  }

  #allDelivered(): void {
    const onAllDelivered = this.#onAllDelivered
    this.#onAllDelivered = undefined
    this.#over = true
    this.#release?.()
    // A loop takes the rest, but `close` is the last event.
    if (this.#queue.empty || this.#queue.iterating) runApart(() => this.#lastMessage())
    this.#onLastMessage = undefined
    onAllDelivered?.()
  }

  /** Delivers the held messages to the listeners for as long as a turn may last, then the new ones. */
  #flow(): void {
    if (!this.#flowsOn) {
      this.#direct = this.#listened() && !this.#taken
      this.#ended()
      return
    }
    if (this.#pulling > 0) return
    const endMs = nowMs() + TURN_MS_MAX
    // A flow that a listener schedules meanwhile also waits for the next turn.
    this.#flowScheduled = true
    try {
      do this.#deliver(this.#queue.shift())
      while (this.#flowsOn && this.#pulling === 0 && nowMs() < endMs)
      this.batchEnd()
    } finally {
      this.#flowScheduled = false
      // A listener that throws ends this turn, not the flow. Timers and sockets run before the next.
      if (this.#flowsOn) this.#flowLater(true)
      else this.#flow()
    }
  }

  #deliver(message: unknown): void {
    const sole = this.#sole
    if (sole !== undefined) {
      sole.call(this.#emitter, message)
      return
    }
    const { single, batch } = this.#listeners
    if (batch) this.#batch.push(message)
    this.#batchDelivered = single
    if (!single) return
    try {
      this.#emitter.emit('message', message)
    } catch (error) {
      // The exception ends the turn, and no later record may end the batch: a view is not valid longer.
      this.batchEnd()
      throw error
    }
  }

  #listened(): boolean {
    const single = !this.#paused && this.#emitter.listenerCount('message') > 0
    const batch = !this.#paused && this.#emitter.listenerCount('messages') > 0
    this.#listeners = { single, batch }
    const listeners = this.#emitter.rawListeners('message') as ((message: unknown) => void)[]
    // With captureRejections, the emitter handles the rejection of an async listener.
    const isSole = listeners.length === 1 && !batch && !EventEmitter.captureRejections
    this.#sole = isSole ? listeners[0] : undefined
    return single || batch
  }
}
