import type { Owner } from './handover-slots.js'

interface Entry {
  readonly dismiss: () => void
}

/**
 * Limits the connections of one type to a server, in all and for each owner. If there are too many, the owner with the most loses its
 * oldest one. So the clients of one owner displace each other, and not those of others.
 */
export class ConnectionLimit {
  readonly #max: number
  readonly #maxPerOwner: number
  readonly #byOwner = new Map<Owner, Set<Entry>>()
  #count = 0

  constructor(max: number, maxPerOwner: number) {
    this.#max = max
    this.#maxPerOwner = maxPerOwner
  }

  get count(): number {
    return this.#count
  }

  /** Counts a connection until the returned function or `dismiss` is called. */
  enter(owner: Owner, dismiss: () => void): () => void {
    if ((this.#byOwner.get(owner)?.size ?? 0) >= this.#maxPerOwner) this.#dismissOldest(owner)
    else if (this.#count >= this.#max) this.#dismissOldest(this.#largestOwner())
    const entry: Entry = { dismiss }
    const entries = this.#byOwner.get(owner) ?? new Set()
    entries.add(entry)
    this.#byOwner.set(owner, entries)
    this.#count += 1
    return () => this.#leave(owner, entry)
  }

  #leave(owner: Owner, entry: Entry): void {
    const entries = this.#byOwner.get(owner)
    if (entries === undefined || !entries.delete(entry)) return
    this.#count -= 1
    if (entries.size === 0) this.#byOwner.delete(owner)
  }

  #dismissOldest(owner: Owner): void {
    const [oldest] = this.#byOwner.get(owner) ?? []
    if (oldest === undefined) return
    this.#leave(owner, oldest)
    oldest.dismiss()
  }

  #largestOwner(): Owner {
    let largest = ''
    let size = 0
    for (const [owner, entries] of this.#byOwner) {
      if (entries.size <= size) continue
      largest = owner
      size = entries.size
    }
    return largest
  }
}
