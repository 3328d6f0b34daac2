import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { integerFrom, type Random } from './random.js'
import { turn } from './turns.js'

/** Only a hang reaches it. It is shorter than a test's timeout, which would not show the pending calls. */
const PENDING_MS_MAX = 60_000
/** Nested calls inside callbacks. Deeper callbacks only listen. */
const DEPTH_MAX = 4
/** Codes that calls may fail with. The others report that the peer or its codec broke the rules. */
const EXPECTED_CODES: readonly string[] = [
  ErrorCode.TIMEOUT,
  ErrorCode.ABORTED,
  ErrorCode.CLOSED,
  ErrorCode.PEER_GONE,
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.INVALID_STATE,
  ErrorCode.NO_HANDLER,
]

/** An error that the test itself throws. */
export class Planned extends Error {}

/** One round of random actions: its generator, log, pending calls and faults. */
export class Round {
  readonly random: Random
  /** All actions in order, each with its caller. */
  readonly log: string[] = []
  readonly wrong: string[] = []
  /** A channel was destroyed, so messages may be lost. */
  destroyed = false
  /** Whether calls may block now. */
  mayBlock = true
  readonly #pending = new Map<number, string>()
  #actionsLeft: number
  #depth = 0
  #lastId = 0
  /** Unhandled errors, in groups that were thrown before a microtask could run. */
  readonly #thrown: Planned[][] = []
  #jobEnded = true
  readonly #caught: unknown[] = []

  constructor(random: Random, actions: number) {
    this.random = random
    this.#actionsLeft = actions
  }

  get acting(): boolean {
    return this.#actionsLeft > 0
  }

  get pending(): string[] {
    return [...this.#pending.values()]
  }

  chance(probability: number): boolean {
    return this.acting && this.random() < probability
  }

  pick<T>(list: readonly T[]): T {
    return list[integerFrom(this.random, 0, list.length - 1)] as T
  }

  /** Runs an action. `where` names the enclosing callback. */
  act(name: string, where: string, action: () => void): void {
    if (!this.acting || this.#depth === DEPTH_MAX) return
    this.#actionsLeft -= 1
    this.#depth += 1
    this.log.push(`${name} in ${where}`)
    try {
      action()
    } catch (error) {
      this.fails(name, error)
    } finally {
      this.#depth -= 1
    }
  }

  /** Throws an unhandled exception: it must become an uncaught one, or the enclosing `destroy` must throw it. */
  throwUncaught(where: string): never {
    const error = this.planned(where)
    if (this.#jobEnded) this.#thrown.push([])
    this.#jobEnded = false
    queueMicrotask(() => {
      this.#jobEnded = true
    })
    this.#thrown.at(-1)?.push(error)
    throw error
  }

  planned(where: string): Planned {
    this.#lastId += 1
    this.log.push(`throw ${this.#lastId} in ${where}`)
    return new Planned(`planned ${this.#lastId} in ${where}`)
  }

  /** Tracks the promise of a call until it settles. */
  track<T>(name: string, promise: Promise<T>, settled: (value: T) => void = () => {}): void {
    this.#lastId += 1
    const id = this.#lastId
    this.#pending.set(id, `${name} (${id})`)
    const forget = () => this.#pending.delete(id)
    promise.then(settled, (error: unknown) => this.fails(name, error)).then(forget, forget)
  }

  /** Checks the error of a call that threw or rejected. */
  fails(name: string, error: unknown): void {
    if (error instanceof Planned) {
      this.#caught.push(error)
      const reached = name.endsWith('destroy') || !this.#thrown.flat().includes(error)
      this.expect(reached, `${name} threw what a listener threw: ${String(error)}`)
      return
    }
    const { code, cause, message } = error as ShmwireError
    const fits =
      error instanceof ShmwireError &&
      (EXPECTED_CODES.includes(code) ||
        (code === ErrorCode.CODEC && cause instanceof Planned) ||
        (code === ErrorCode.REMOTE && /planned/.test(message)))
    this.expect(fits, `${name} failed with ${String(error)}, ${String(cause)}`)
  }

  expect(holds: boolean, otherwise: string): void {
    if (!holds) this.wrong.push(otherwise)
  }

  /** Checks that each exception was seen once. Of a nested group, at least one must have been seen. */
  expectThrown(uncaught: readonly unknown[]): void {
    const unhandled = new Set<unknown>(this.#thrown.flat())
    for (const error of uncaught) this.expect(unhandled.has(error), `uncaught: ${String(error)}`)
    const seen = [...uncaught, ...this.#caught.filter((error) => unhandled.has(error))]
    const twice = seen.filter((error, index) => seen.indexOf(error) < index)
    this.expect(twice.length === 0, `seen twice: ${twice.map(String).join(', ')}`)
    for (const group of this.#thrown)
      this.expect(
        group.some((error) => seen.includes(error)),
        `swallowed: ${group.map(String).join(', ')}`,
      )
  }

  /** Waits until `done`. Resolves to false after a timeout. */
  async until(done: () => boolean): Promise<boolean> {
    const endMs = performance.now() + PENDING_MS_MAX
    while (!done()) {
      if (performance.now() > endMs) return false
      await turn()
    }
    return true
  }
}
