import { randomBits } from '../soak/pattern.mjs'

const BODY_BYTES_MAX = 9000
const LONG_BODY_BYTES = 70_000
const JOBS_MAX = 120
const WINDOW_MS = 40

/** Random changes of a queue, each a call of a store. The times are a counter. */
export class RandomChanges {
  #model
  #bits
  #nowMs = 1
  #sequence

  constructor(seed, model) {
    this.#model = model
    this.#bits = randomBits(seed)
    this.#sequence = model.sequenceMax
  }

  next() {
    this.#nowMs += 1
    const { jobs } = this.#model
    const choice = this.#below(100)
    if (jobs.size === 0 || (choice < 45 && jobs.size < JOBS_MAX)) return this.#push()
    const sequence = [...jobs.keys()][this.#below(jobs.size)]
    if (choice < 60) return [{ type: 'attempt', sequence, attempt: 1 + this.#below(5) }]
    if (choice < 65) return [{ type: 'delay', sequence, dueAtMs: this.#nowMs + this.#below(100) }]
    if (choice < 70) return [{ type: 'dead', sequence, reason: `at ${this.#nowMs}`, deadAtMs: this.#nowMs }]
    if (choice < 73) return [{ type: 'revive', sequence }]
    if (choice < 78) return [{ type: 'forget', untilMs: this.#nowMs }]
    return [...jobs.keys()].slice(0, 1 + this.#below(4)).map((one) => ({ type: 'remove', sequence: one }))
  }

  /** One to three jobs, which appear together. */
  #push() {
    return Array.from({ length: 1 + this.#below(3) }, () => {
      this.#sequence += 1
      const bytes = this.#below(40) === 0 ? LONG_BODY_BYTES : this.#below(BODY_BYTES_MAX)
      const dueAtMs = this.#below(4) === 0 ? this.#nowMs : 0
      return [
        { type: 'add', sequence: this.#sequence, bytes, dueAtMs },
        { type: 'seen', id: `job ${this.#sequence}`, untilMs: this.#nowMs + WINDOW_MS },
      ]
    }).flat()
  }

  #below(limit) {
    return this.#bits() % limit
  }
}
