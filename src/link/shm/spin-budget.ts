/** Once spinning pays again, it starts from here. */
const BUDGET_MICROS_FLOOR = 10

/**
 * How long an empty ring is polled before its reader sleeps, learned from the gaps between messages. A sleep
 * that polling would have spared doubles the budget; a sleep that was longer than all polling could
 * have been halves it, down to none. After the kernel's adaptive halt polling (Documentation/virt/kvm/halt-polling.rst).
 */
export class SpinBudget {
  readonly #microsMax: number
  #micros: number

  constructor(microsMax: number) {
    this.#microsMax = microsMax
    this.#micros = microsMax
  }

  get micros(): number {
    return this.#micros
  }

  /** The reader was woken `sleptMicros` after it had gone to sleep. */
  slept(sleptMicros: number): void {
    if (sleptMicros > this.#microsMax) {
      this.#micros = this.#micros < 2 * BUDGET_MICROS_FLOOR ? 0 : this.#micros / 2
    } else {
      this.#micros = Math.min(this.#microsMax, Math.max(2 * this.#micros, BUDGET_MICROS_FLOOR))
    }
  }
}
