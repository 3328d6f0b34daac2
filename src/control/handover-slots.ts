import { clearTimeout, nowMs, setTimeout } from '../host.js'

/** Identifies the holder of a share of the server's resources: see `ownerOf`. */
export type Owner = string

export interface SlotBounds {
  readonly slots: number
  readonly slotsPerOwner: number
  /** All requests that may wait for a slot. */
  readonly waiting: number
  readonly waitingPerOwner: number
  /** The longest wait while no handshake succeeds. */
  readonly waitMs: number
  readonly waitMaxMs: number
}

/** Frees a slot. `succeeded`: the handshake used it. Idempotent. */
export type ReleaseSlot = (succeeded?: boolean) => void

/** A slot, or the reason why there is none. */
export type Grant = { readonly release: ReleaseSlot } | { readonly unavailable: string }

interface Waiter {
  readonly settle: (grant: Grant) => void
}

interface Account {
  held: number
  readonly waiters: Set<Waiter>
}

/**
 * Slots for handshakes that may transfer descriptors. Further handshakes wait for a limited time. Owners get free slots in turn, so that
 * no owner can exclude another one for longer than it can fill all slots.
 */
export class HandoverSlots {
  readonly #bounds: SlotBounds
  /** The accounts of owners that hold or wait. The owner of the latest slot is the last one. */
  readonly #accounts = new Map<Owner, Account>()
  #held = 0
  #waiting = 0
  /** The time of the last successful handshake, on the monotonic clock. */
  #succeededAt = Number.NEGATIVE_INFINITY

  constructor(bounds: SlotBounds) {
    this.#bounds = bounds
  }

  /** The numbers of used slots and of waiting handshakes. */
  get load(): { readonly held: number; readonly waiting: number } {
    return { held: this.#held, waiting: this.#waiting }
  }

  /** Calls `settle` once, perhaps synchronously. The returned function ends the wait or releases the slot. It is idempotent. */
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
    const startedAt = nowMs()
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
      const now = nowMs()
      const remainingMs = this.#waitEnd(startedAt) - now
      if (remainingMs > 0) {
        timer = setTimeout(onTime, remainingMs)
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

  /** While handshakes succeed, a burst of clients is served completely, even on a slow machine. */
  #waitEnd(startedAt: number): number {
    const { waitMs, waitMaxMs } = this.#bounds
    return Math.min(Math.max(startedAt, this.#succeededAt) + waitMs, startedAt + waitMaxMs)
  }

  #take(owner: Owner, account: Account): ReleaseSlot {
    account.held += 1
    this.#held += 1
    // To the end, because the other owners get the next free slot.
    this.#accounts.delete(owner)
    this.#accounts.set(owner, account)
    let released = false
    return (succeeded = false) => {
      if (released) return
      released = true
      if (succeeded) this.#succeededAt = nowMs()
      account.held -= 1
      this.#held -= 1
      this.#forgetIdle(owner, account)
      this.#grantNext()
    }
  }

  /** Skips owners without a wait or with all their slots. Each of them holds a slot, so there are few. */
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
