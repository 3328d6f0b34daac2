/** Who holds or waits for something of which each peer gets a part: see `ownerOf`. */
export type Owner = string

export interface SlotBounds {
  /** Slots in all. */
  readonly slots: number
  /** Of these for one owner. */
  readonly slotsPerOwner: number
  /** Requests that wait for a slot, in all. */
  readonly waiting: number
  /** Of these by one owner. */
  readonly waitingPerOwner: number
  /** The longest wait in which no handshake succeeds. */
  readonly waitMs: number
  /** The longest wait in any case. */
  readonly waitMaxMs: number
}

/** Frees a slot. `succeeded`: the handshake did what the slot was for. May be called again. */
export type ReleaseSlot = (succeeded?: boolean) => void

/** A slot that is held, or why there is none. */
export type Grant = { readonly release: ReleaseSlot } | { readonly unavailable: string }

interface Waiter {
  readonly settle: (grant: Grant) => void
}

interface Account {
  held: number
  readonly waiters: Set<Waiter>
}

/**
 * Slots for handshakes that may hand descriptors over at present. Further handshakes wait for a bounded time, and owners get
 * free slots in turn, so that no owner keeps another one out for longer than it can fill all slots.
 */
export class HandoverSlots {
  readonly #bounds: SlotBounds
  /** Of owners that hold or wait. The one that got a slot last is the last. */
  readonly #accounts = new Map<Owner, Account>()
  #held = 0
  #waiting = 0
  /** When a handshake succeeded last, on the monotonic clock. */
  #succeededAt = Number.NEGATIVE_INFINITY

  constructor(bounds: SlotBounds) {
    this.#bounds = bounds
  }

  /** Slots that are held, and handshakes that wait for one. */
  get load(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held, waiting: this.#waiting }
  }

  /** Calls `settle` once, perhaps at once. The function that is returned ends the wait, or releases the slot; it may be called again. */
  request(owner: Owner, settle: (grant: Grant) => void): () => void {
    const account = this.#accounts.get(owner) ?? { held: 0, waiters: new Set() }
    if (this.#held < this.#bounds.slots && account.held < this.#bounds.slotsPerOwner) {
      const release = this.#take(owner, account)
      settle({ release })
      return () => release()
    }
    const { waiting, waitingPerOwner } = this.#bounds
    if (this.#waiting >= waiting || account.waiters.size >= waitingPerOwner) {
      settle({
        unavailable: `too many handshakes wait for a slot of the server: ${account.waiters.size} of the client's process, ${this.#waiting} in all`,
      })
      return () => {}
    }
    return this.#wait(owner, account, settle)
  }

  #wait(owner: Owner, account: Account, settle: (grant: Grant) => void): () => void {
    const startedAt = performance.now()
    let timer: NodeJS.Timeout
    let end: () => void
    const waiter: Waiter = {
      settle: (grant) => {
        clearTimeout(timer)
        if ('release' in grant) {
          const { release } = grant
          end = () => release()
        }
        settle(grant)
      },
    }
    const leave = (): void => {
      if (!account.waiters.delete(waiter)) return
      this.#waiting -= 1
      clearTimeout(timer)
      this.#forgetIdle(owner, account)
    }
    end = leave
    const onTime = (): void => {
      const now = performance.now()
      const patienceMs = this.#waitEnd(startedAt) - now
      if (patienceMs > 0) {
        timer = setTimeout(onTime, patienceMs)
        return
      }
      const waitedMs = Math.round(now - startedAt)
      const { held } = account
      leave()
      settle({ unavailable: this.#describe(held, waitedMs) })
    }
    timer = setTimeout(onTime, this.#bounds.waitMs)
    account.waiters.add(waiter)
    this.#accounts.set(owner, account)
    this.#waiting += 1
    return () => end()
  }

  /** A burst of clients that all answer is served to its end, however slow the machine is. */
  #waitEnd(startedAt: number): number {
    const { waitMs, waitMaxMs } = this.#bounds
    return Math.min(Math.max(startedAt, this.#succeededAt) + waitMs, startedAt + waitMaxMs)
  }

  #take(owner: Owner, account: Account): ReleaseSlot {
    account.held += 1
    this.#held += 1
    // To the end: others are first when a slot is free.
    this.#accounts.delete(owner)
    this.#accounts.set(owner, account)
    let released = false
    return (succeeded = false) => {
      if (released) return
      released = true
      if (succeeded) this.#succeededAt = performance.now()
      account.held -= 1
      this.#held -= 1
      this.#forgetIdle(owner, account)
      this.#grantNext()
    }
  }

  /** Passes over owners that wait for nothing or have their part: no more than there are slots. */
  #grantNext(): void {
    for (const [owner, account] of this.#accounts) {
      if (account.held >= this.#bounds.slotsPerOwner) continue
      const [waiter] = account.waiters
      if (waiter === undefined) continue
      account.waiters.delete(waiter)
      this.#waiting -= 1
      waiter.settle({ release: this.#take(owner, account) })
      return
    }
  }

  #forgetIdle(owner: Owner, account: Account): void {
    if (account.held === 0 && account.waiters.size === 0) this.#accounts.delete(owner)
  }

  #describe(heldByOwner: number, waitedMs: number): string {
    const { slots, slotsPerOwner } = this.#bounds
    const which =
      heldByOwner >= slotsPerOwner ? `the ${slotsPerOwner} of the client's process` : `all ${slots}`
    return `the server had no free handshake slot for ${waitedMs} ms: other handshakes, which do not proceed, hold ${which}`
  }
}
