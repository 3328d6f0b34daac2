import { pause } from '../abort-waits.js'
import { backOffMs } from '../back-off.js'
import { endWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { newAbortController } from '../host.js'
import { checkOptionNames, checkWaitOptions, invalid, type WaitOptions } from '../options.js'
import type { ClientTarget } from '../service/client-connection.js'
import type { QueueClient } from './queue/types.js'
import { subscribe } from './topic/subscribe.js'
import type { MessageInfo, SubscribeOptions, Subscription } from './topic/types.js'

/** The options of `bindQueue`: those of `subscribe`, without `keys`. */
export type BindOptions = Omit<SubscribeOptions, 'keys'>

/** Puts the messages of a topic into a queue. It comes from `bindQueue`. */
export interface QueueBinding extends AsyncDisposable {
  /** Messages that the queue holds, or has held. */
  readonly pushed: number
  /** Messages that the topic lost before they reached the queue. With keys, it counts lost messages of any key. */
  readonly lost: number
  /** The publisher was another one than expected, so the number of lost messages is not known. */
  readonly lostUnknown: boolean
  /**
   * Resolves when the topic has closed and the queue has all its messages, and after `close`. Rejects with the error that ended the binding:
   * `PEER_GONE` if the publisher died, or that of the queue.
   */
  readonly ended: Promise<void>
  /** Ends the subscription, and waits for the pushes that have begun. */
  close(options?: WaitOptions): Promise<void>
}

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'from',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof BindOptions)[]

/** Pushes under way, so that a queue that is far away does not slow the topic down. */
const PUSHES_MAX = 256
/** A push that failed and may not have reached the queue is repeated, with the same id. */
const RETRY_MS_MIN = 20
const RETRY_MS_MAX = 2_000

/** A queue that is full or absent for a time can take the message later. */
const PASSING: ReadonlySet<unknown> = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED'])
const LASTING_CODES: ReadonlySet<unknown> = new Set([ErrorCode.MESSAGE_TOO_LARGE])

/**
 * Pushes each message of a topic, or each whose key matches, as a job with the same key and headers. Delivery is at least once from the moment
 * at which it resolves, except for the messages that the topic itself loses, which `lost` counts.
 *
 * @param target the topic, as for `subscribe`
 * @param keys as the option of `subscribe`. Undefined: all messages
 * @throws `INVALID_ARGUMENT`, and the errors of `subscribe`
 */
export async function bindQueue(
  queue: QueueClient,
  target: ClientTarget,
  keys?: string | readonly string[],
  options: BindOptions = {},
): Promise<QueueBinding> {
  checkQueue(queue)
  checkOptionNames(options, OPTION_NAMES)
  return bindSubscription(queue, await subscribe(target, { ...options, keys }))
}

/** Pushes each message of the subscription, which the binding closes. */
export function bindSubscription(queue: QueueClient, subscription: Subscription): QueueBinding {
  checkQueue(queue)
  return new SubscriptionBinding(queue, subscription)
}

class SubscriptionBinding implements QueueBinding {
  readonly ended: Promise<void>
  readonly #queue: QueueClient
  readonly #subscription: Subscription
  readonly #stopping = newAbortController()
  readonly #pushes = new Set<Promise<void>>()
  #pushed = 0
  #lost = 0
  #lostUnknown = false
  #failure: Error | undefined

  constructor(queue: QueueClient, subscription: Subscription) {
    this.#queue = queue
    this.#subscription = subscription
    subscription.on('lost', (count) => {
      if (count === 'unknown') this.#lostUnknown = true
      else this.#lost += count
    })
    this.ended = this.#run()
    // A program that does not read `ended` also gets the error from `close`.
    this.ended.catch(() => {})
  }

  get pushed(): number {
    return this.#pushed
  }

  get lost(): number {
    return this.#lost
  }

  get lostUnknown(): boolean {
    return this.#lostUnknown
  }

  close(options?: WaitOptions): Promise<void> {
    const bounds = checkWaitOptions(options)
    this.#stopping.abort()
    return endWithin(bounds, 'the close of the binding', (resolve, reject) => {
      this.#subscription
        .close(bounds)
        .then(() => this.ended)
        .then(resolve, reject)
      return () => {}
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #run(): Promise<void> {
    try {
      for await (const [message, info] of this.#subscription.entries()) {
        if (this.#failure !== undefined) break
        // A full queue lets its pushes wait, and then the topic laps this subscription and counts what it loses.
        while (this.#pushes.size >= PUSHES_MAX) await Promise.race(this.#pushes)
        this.#begin(message, info)
      }
    } catch (error) {
      // The end of the subscription is the one that `close` asked for.
      if (!this.#stopping.signal.aborted) this.#failure ??= error as Error
    }
    await Promise.all(this.#pushes)
    if (this.#failure !== undefined) throw this.#failure
  }

  #begin(message: unknown, info: MessageInfo): void {
    const push = this.#push(message, info)
      .catch((error: Error) => {
        this.#failure ??= error
        void this.#subscription.close().catch(() => {})
      })
      .finally(() => this.#pushes.delete(push))
    this.#pushes.add(push)
  }

  async #push(message: unknown, { epoch, sequence, key, headers }: MessageInfo): Promise<void> {
    // The place of the message in its topic, so that the queue drops a repeated push.
    const id = `topic:${epoch}:${sequence}`
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#queue.push(message, { id, key, headers })
        this.#pushed += 1
        return
      } catch (error) {
        if (!mayPass(error) || this.#stopping.signal.aborted) throw error
      }
      // It ends early when the binding closes: then one more attempt follows.
      await pause(backOffMs(attempt, RETRY_MS_MIN, RETRY_MS_MAX), this.#stopping.signal)
    }
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof ShmwireError && PASSING.has(error.status) && !LASTING_CODES.has(error.code)
}

function checkQueue(queue: unknown): void {
  if (typeof (queue as Partial<QueueClient> | null)?.push !== 'function')
    throw invalid('queue', queue, 'a queue, from createQueue or openQueue')
}
