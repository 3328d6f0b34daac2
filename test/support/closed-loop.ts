import { SpinBudget } from '../../src/link/shm/spin-budget.js'

/** The time to wake a side, and how much longer its first work then takes. */
const WAKE_MICROS = 30
const COLD_MICROS = 5

export interface ClosedLoopOptions {
  readonly microsMax: number
  /** Both sides know when the other one was woken. */
  readonly reportsTimes?: boolean
}

interface Side {
  readonly budget: SpinBudget
  /** When it began to wait, and when it was woken during this exchange. */
  waitsSinceMicros: number
  wokenAtMicros: number | undefined
}

/** Two sides on two cores that work in turn: each works when it has the message, and returns it. The clock is simulated. */
export class ClosedLoop {
  readonly #sides: readonly [Side, Side]
  #nowMicros = 0
  #result = { wakes: 0, polledMicros: 0 }

  constructor({ microsMax, reportsTimes = true }: ClosedLoopOptions) {
    const newSide = (peer: () => Side): Side => {
      const peerWakeNanos = (): number => {
        const { wokenAtMicros } = peer()
        return reportsTimes && wokenAtMicros !== undefined && wokenAtMicros <= this.#nowMicros
          ? WAKE_MICROS * 1000
          : 0
      }
      const woken = (): number => (reportsTimes ? WAKE_MICROS * 1000 + peerWakeNanos() : 0)
      return {
        budget: new SpinBudget({ woken, peerWakeNanos }, microsMax),
        waitsSinceMicros: 0,
        wokenAtMicros: undefined,
      }
    }
    const sides: [Side, Side] = [newSide(() => sides[1]), newSide(() => sides[0])]
    this.#sides = sides
  }

  get budgets(): number[] {
    return this.#sides.map(({ budget }) => budget.micros)
  }

  /** Sends the message to the other side and back. Returns how often a side was woken, and how long both have polled. */
  run(exchanges: number, workMicros: number): { wakes: number; polledMicros: number } {
    this.#result = { wakes: 0, polledMicros: 0 }
    const [first, second] = this.#sides
    for (let count = 0; count < exchanges; count += 1) {
      this.#receive(second, workMicros)
      this.#receive(first, workMicros)
    }
    return this.#result
  }

  /** The other side works, then this one has the message. */
  #receive(side: Side, workMicros: number): void {
    const peer = this.#sides[side === this.#sides[0] ? 1 : 0]
    const startMicros = this.#nowMicros
    const endMicros = startMicros + workMicros + (peer.wokenAtMicros === undefined ? 0 : COLD_MICROS)
    side.waitsSinceMicros = peer.wokenAtMicros === undefined ? startMicros : startMicros - WAKE_MICROS
    const isAsleep = this.#poll(side, endMicros)
    this.#nowMicros = endMicros
    side.wokenAtMicros = undefined
    if (isAsleep) {
      this.#result.wakes += 1
      this.#nowMicros += WAKE_MICROS
      side.budget.woken(this.#nowMicros)
      side.wokenAtMicros = this.#nowMicros
    }
    side.budget.found()
  }

  /** Polls once a microsecond until the message is there. True: it fell asleep before. */
  #poll(side: Side, endMicros: number): boolean {
    for (let micros = side.waitsSinceMicros; micros < endMicros; micros += 1) {
      this.#nowMicros = micros
      if (side.budget.exhausted(micros, false, false)) return true
      this.#result.polledMicros += 1
    }
    return false
  }
}
