import type { EventEmitter } from 'node:events'
import { heldEnds } from '../channel/held-ends.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { Fifo } from '../fifo.js'
import { nextTick, nowMs, setImmediate } from '../host.js'
import { notifyLateListeners } from '../late-listeners.js'
import { yieldTurn } from '../next-turn.js'
import { TURN_MS_MAX } from '../turn-budget.js'
import { runApart } from '../uncaught.js'

/** Where the items of a delivery come from. Nothing is read without a consumer. */
export interface PullSource<Item> {
  /** The next item; undefined: there is none now. */
  take(): Item | undefined
  /** The bytes of the last item. */
  readonly lastBytes: number
  /** A consumer waits: calls `PulledDelivery.ready` when there can be an item, or when the source has ended. */
  request(): void
  /** No consumer waits any more. */
  release(): void
  /** Once `take` returns undefined, no item follows. With the error of the end. */
  readonly end: { readonly error: Error | undefined } | undefined
}

type Result<T> = IteratorResult<T, undefined>

interface Waiter<Item> {
  readonly resolve: (result: Result<Item>) => void
  readonly reject: (error: Error) => void
}

const DONE: Result<never> = Object.freeze({ done: true, value: undefined })

/**
 * Delivers the items of a source: to a loop, else to the listeners of an event. Without a consumer, the source is not read. Emits `close`
 * once, last.
 */
export class PulledDelivery<Item> {
  readonly #emitter: EventEmitter
  readonly #event: string
  readonly #source: PullSource<Item>
  readonly #emit: (item: Item) => void
  readonly #onClosed: () => void
  readonly #waiting = new Fifo<Waiter<Item>>()
  #looping = false
  #listening = false
  /** The listeners have had their time in this turn. */
  #paused = false
  #flowing = false
  #over: { readonly error: Error | undefined } | undefined
  #releaseHeld: (() => void) | undefined
  /** An item whose consumer has left while it was taken. */
  #kept: { readonly item: Item } | undefined

  /** `emit` passes an item to the listeners of `event`. `onClosed` runs before the event `close`. */
  constructor(
    emitter: EventEmitter,
    event: string,
    source: PullSource<Item>,
    emit: (item: Item) => void,
    onClosed: () => void,
  ) {
    this.#emitter = emitter
    this.#event = event
    this.#source = source
    this.#emit = emit
    this.#onClosed = onClosed
    this.#watchListeners()
    const removeAll = emitter.removeAllListeners.bind(emitter)
    emitter.removeAllListeners = (...names) => {
      removeAll(...names)
      this.#watchListeners()
      return emitter
    }
  }

  /** Called again after all listeners were removed, which includes these. */
  #watchListeners(): void {
    for (const event of ['newListener', 'removeListener'])
      if (!this.#emitter.listeners(event).includes(this.#listenersChanged))
        this.#emitter.on(event, this.#listenersChanged)
    this.#listenersChanged(this.#event)
  }

  get over(): boolean {
    return this.#over !== undefined
  }

  /** The loop ends after the last item, and throws the error of the end. One loop at a time. Throws `INVALID_STATE`. */
  iterate<T>(map: (item: Item) => T): AsyncIterableIterator<T, undefined> {
    if (this.#looping)
      throw new ShmwireError(ErrorCode.INVALID_STATE, 'another for await loop is running; end it first')
    this.#looping = true
    this.#releaseHold()
    let isDone = false
    const end = (): Promise<Result<T>> => {
      if (!isDone) {
        isDone = true
        this.#leave()
      }
      return Promise.resolve(DONE)
    }
    const later = async (): Promise<Result<T>> => {
      try {
        const result = await this.#later()
        if (result.done !== true) return { done: false, value: map(result.value) }
      } catch (error) {
        void end()
        throw error
      }
      return end()
    }
    return {
      next: () => {
        if (isDone) return Promise.resolve(DONE)
        const item = this.#now()
        if (item === undefined) return later()
        const result: Result<T> = { done: false, value: map(item) }
        const turn = yieldTurn(this.#source.lastBytes)
        return turn === undefined ? Promise.resolve(result) : turn.then(() => result)
      },
      return: end,
      [Symbol.asyncIterator]() {
        return this
      },
    }
  }

  /** There can be an item, or the source has ended. */
  ready(): void {
    this.#flow()
  }

  /** The source will end with this error, and has more items. They are held for a consumer for some time. */
  ending(error: Error | undefined): void {
    if (this.#over === undefined && !this.#hasConsumer) this.#hold(error)
  }

  /** Ends at once, without the items that are left. */
  finish(error: Error | undefined): void {
    if (this.#over !== undefined) return
    this.#over = { error }
    this.#kept = undefined
    this.#releaseHold()
    this.#source.release()
    this.#onClosed()
    const first = this.#waiting.shift()
    if (error === undefined) first?.resolve(DONE)
    else first?.reject(error)
    this.#settleWaiting()
    // In a separate turn, because a call of the program can lead here.
    nextTick(() => {
      notifyLateListeners(this.#emitter, 'close', error)
      this.#emitter.emit('close', error)
    })
  }

  get #hasConsumer(): boolean {
    return this.#looping || this.#listening
  }

  /** An item for a loop, unless there is none now or others wait. */
  #now(): Item | undefined {
    return this.#over === undefined && this.#waiting.length === 0 ? this.#take() : undefined
  }

  /** The next item, after `#now` has returned none. */
  #later(): Promise<Result<Item>> {
    const { end } = this.#source
    // A listener of the program can have closed the subscription meanwhile.
    if (end !== undefined && this.#over === undefined && this.#waiting.length === 0) this.finish(end.error)
    if (this.#over !== undefined) return ended(this.#over)
    const next = new Promise<Result<Item>>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    this.#source.request()
    return next
  }

  #take(): Item | undefined {
    const kept = this.#kept
    if (kept === undefined) return this.#source.take()
    this.#kept = undefined
    return kept.item
  }

  /** The program has left the loop. */
  #leave(): void {
    this.#looping = false
    this.#settleWaiting()
    this.#flow()
  }

  #settleWaiting(): void {
    for (let waiter = this.#waiting.shift(); waiter !== undefined; waiter = this.#waiting.shift())
      waiter.resolve(DONE)
  }

  readonly #listenersChanged = (name: unknown): void => {
    if (name !== this.#event) return
    // The emitter adds a listener after this event.
    nextTick(() => {
      this.#listening = this.#emitter.listenerCount(this.#event) > 0
      this.#flow()
    })
  }

  #flow(): void {
    // A listener may lead here.
    if (this.#flowing || this.#over !== undefined) return
    this.#flowing = true
    if (this.#hasConsumer) this.#releaseHold()
    let isEmpty = false
    try {
      isEmpty = this.#looping ? this.#feedLoop() : this.#feedListeners()
    } finally {
      this.#flowing = false
    }
    if (this.#over !== undefined) return
    const { end } = this.#source
    if (end !== undefined && isEmpty) this.finish(end.error)
    else if (end !== undefined && !this.#hasConsumer) this.#hold(end.error)
    else if (this.#waiting.length > 0 || (this.#listening && !this.#looping && !this.#paused))
      this.#source.request()
    else this.#source.release()
  }

  /** True: the source has no item. */
  #feedLoop(): boolean {
    while (this.#waiting.length > 0) {
      const value = this.#take()
      if (value === undefined) return true
      // A listener of another event can have ended the loop meanwhile.
      const waiter = this.#waiting.shift()
      if (waiter === undefined) this.#kept = { item: value }
      else waiter.resolve({ done: false, value })
    }
    return false
  }

  /** True: the source has no item. */
  #feedListeners(): boolean {
    if (this.#paused) return false
    let endMs = 0
    for (let count = 1; this.#listening && !this.#looping && this.#over === undefined; count += 1) {
      const item = this.#take()
      if (item === undefined) return true
      // A listener of another event can have begun a loop, or removed the listeners.
      if (this.#looping || this.#emitter.listenerCount(this.#event) === 0) {
        this.#kept = { item }
        return false
      }
      this.#deliver(item)
      if (count % ITEMS_PER_CHECK !== 0) continue
      const timeMs = nowMs()
      if (endMs === 0) endMs = timeMs + TURN_MS_MAX
      else if (timeMs >= endMs) {
        this.#pause()
        return false
      }
    }
    return false
  }

  #deliver(item: Item): void {
    try {
      this.#emit(item)
    } catch (thrown) {
      nextTick(() => {
        throw thrown
      })
    }
  }

  /** Timers and sockets get a turn. */
  #pause(): void {
    this.#paused = true
    setImmediate(() => {
      this.#paused = false
      this.#flow()
    })
  }

  #releaseHold(): void {
    this.#releaseHeld?.()
    this.#releaseHeld = undefined
  }

  #hold(error: Error | undefined): void {
    this.#releaseHeld ??= heldEnds.hold(() => runApart(() => this.finish(error)))
  }
}

/** Items between two readings of the clock. */
const ITEMS_PER_CHECK = 32

function ended({ error }: { readonly error: Error | undefined }): Promise<Result<never>> {
  return error === undefined ? Promise.resolve(DONE) : Promise.reject(error)
}
