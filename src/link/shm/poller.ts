/** What the poller needs of a link. */
export interface Polled {
  /**
   * Delivers at most one batch. When there is none, looks for `spinNanos` nanoseconds and, with `yieldCpu`, gives
   * the core away once. True: it found something. May throw what a listener threw; it can be polled again.
   */
  poll(spinNanos: number, yieldCpu: boolean): boolean
  /** The poll of this turn found nothing. True: the link rests from now on and is not polled until it is woken. */
  rest(): boolean
}

/**
 * How long one look at an empty ring lasts inside the addon when a single link is awake: longer than a prompt
 * peer needs for an answer, too short to be felt by timers and sockets.
 */
const SPIN_NANOS = 2_000

/**
 * Polls the links that are awake, each once in a turn of the event loop, so that none starves and timers
 * and sockets get theirs in between. One per thread. It runs only while a link is awake.
 */
class Poller {
  readonly #awake: Polled[] = []
  #turn: NodeJS.Immediate | undefined

  /** Polls the link from the next turn on, until it rests. */
  wake(link: Polled): void {
    if (!this.#awake.includes(link)) this.#awake.push(link)
    this.#turn ??= setImmediate(this.#run)
  }

  /** Forgets the link. */
  remove(link: Polled): void {
    const index = this.#awake.indexOf(link)
    if (index >= 0) this.#awake.splice(index, 1)
    if (this.#awake.length === 0 && this.#turn !== undefined) {
      clearImmediate(this.#turn)
      this.#turn = undefined
    }
  }

  readonly #run = (): void => {
    // First of all, because a listener that throws ends this turn; the links behind it have theirs in the next.
    this.#turn = setImmediate(this.#run)
    const awake = this.#awake
    const spinNanos = awake.length === 1 ? SPIN_NANOS : 0
    let found = false
    // Backwards, because a link may leave the list in its turn.
    for (let index = awake.length - 1; index >= 0; index -= 1) {
      const link = awake[index]
      if (link === undefined) continue
      // The core is given away once in a turn that found nothing, by its last link.
      if (link.poll(spinNanos, index === 0 && !found)) found = true
      else if (link.rest()) this.remove(link)
    }
  }
}

export const poller = new Poller()
