import { afterEach } from 'vitest'
import type {
  JobHandler,
  OpenQueueOptions,
  Queue,
  QueueClient,
  QueueOptions,
  Worker,
  WorkOptions,
} from '../../../src/messaging/queue/types.js'

/** One queue of an implementation. The functions pass its target, its name and the options of its links. */
export interface QueuePlace {
  create(options?: QueueOptions): Promise<Queue>
  open(options?: OpenQueueOptions): Promise<QueueClient>
  work(handler: JobHandler<unknown, unknown>, options?: WorkOptions): Promise<Worker>
  /**
   * Resolves when each push that was made before is stored or waits for room. Call it with a job that is stored, before a worker makes room:
   * a server may otherwise accept a push while the refusal of an earlier one is on its way.
   */
  allWait?(job: unknown, id: string): Promise<void>
}

/** The features of an implementation. The tests of a missing feature are skipped. */
export interface QueueFeatures {
  /** `maxJobs` and `maxBytes` are exact, and pushes wait in their order. */
  readonly exactBounds: boolean
  /** A job that waits is never overtaken by one that was pushed later. */
  readonly exactOrder: boolean
  readonly request: boolean
  readonly deadJobs: boolean
  /** Pushes can replace the `attempts`, `backOff` and `timeLimitMs` of the queue. */
  readonly jobOptions: boolean
  readonly extend: boolean
  /** `close` of the queue ends pushes and workers. */
  readonly close: boolean
  /** `maxIds` bounds the ids of the dedup window. */
  readonly maxIds: boolean
  /** `deadLetters` can be any object that pushes. */
  readonly foreignDeadLetters: boolean
  /** Lets a test end the connection of a worker. */
  readonly cutWorker?: ((worker: Worker) => void) | undefined
}

export const ALL_FEATURES: QueueFeatures = {
  exactBounds: true,
  exactOrder: true,
  request: true,
  deadJobs: true,
  jobOptions: true,
  extend: true,
  close: true,
  maxIds: true,
  foreignDeadLetters: true,
}

export interface QueueImplementation {
  readonly name: string
  readonly features: QueueFeatures
  /** A new, empty queue. Called inside a test. */
  place(): Promise<QueuePlace> | QueuePlace
}

/** Retries that do not take long. */
export const FAST: Pick<QueueOptions, 'backOff'> = { backOff: { minMs: 1, maxMs: 5 } }

/** Shared by the parts of the suite: everything that a test opens is closed after it. */
export class QueueFixture {
  readonly features: QueueFeatures
  readonly #implementation: QueueImplementation
  readonly #open: { close(options?: { timeoutMs?: number }): Promise<void> }[] = []

  constructor(implementation: QueueImplementation) {
    this.features = implementation.features
    this.#implementation = implementation
    afterEach(async () => {
      for (const each of this.#open.splice(0).toReversed()) await each.close({ timeoutMs: 0 }).catch(() => {})
    })
  }

  /** A new place, whose members are closed after the test. */
  async place(): Promise<QueuePlace> {
    const place = await this.#implementation.place()
    return {
      create: async (options) => this.#keep(await place.create(options)),
      open: async (options) => this.#keep(await place.open(options)),
      work: async (handler, options) => this.#keep(await place.work(handler, options)),
    }
  }

  /** A queue with a client. */
  async queue(options?: QueueOptions): Promise<{ queue: Queue; client: QueueClient; place: QueuePlace }> {
    const place = await this.place()
    const queue = await place.create({ ...FAST, ...options })
    return { queue, client: await place.open(), place }
  }

  #keep<T extends { close(options?: { timeoutMs?: number }): Promise<void> }>(one: T): T {
    this.#open.push(one)
    return one
  }
}

/** Collects what handlers run, and waits for it. */
export class Log<T> {
  readonly items: T[] = []
  #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  add(item: T): void {
    this.items.push(item)
    this.#waiting = this.#waiting.filter(({ count, resolve }) => {
      if (this.items.length < count) return true
      resolve()
      return false
    })
  }

  /** Resolves when there are so many. */
  atLeast(count: number): Promise<void> {
    if (this.items.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }
}

/** A promise with its functions, for handlers that wait. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)
