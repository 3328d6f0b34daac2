/** Counts what the clients of a gateway use, in all and for each owner. One owner leaves half of it to others. */
export class OwnerCount {
  readonly max: number
  readonly #byOwner = new Map<string, number>()
  #count = 0

  constructor(max: number) {
    this.max = max
  }

  get count(): number {
    return this.#count
  }

  get ownerMax(): number {
    return Math.ceil(this.max / 2)
  }

  countOf(owner: string): number {
    return this.#byOwner.get(owner) ?? 0
  }

  /** False: there would be too many, and nothing is counted. */
  enter(owner: string, amount = 1): boolean {
    const count = this.countOf(owner) + amount
    if (this.#count + amount > this.max || count > this.ownerMax) return false
    this.#byOwner.set(owner, count)
    this.#count += amount
    return true
  }

  leave(owner: string, amount = 1): void {
    const count = this.countOf(owner) - amount
    if (count > 0) this.#byOwner.set(owner, count)
    else this.#byOwner.delete(owner)
    this.#count -= amount
  }
}
