import { nowMs } from '../../host.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import { ServiceError } from '../../service-error.js'
import type { Algorithms } from './algorithms.js'
import type { KeySource, TokenHeader } from './compact-jws.js'
import { type Fetch, fetchJson } from './fetch-json.js'
import { KeySet } from './key-set.js'
import { RetryWait } from './retry-wait.js'

/** Where the keys of an issuer are, and how often they are fetched. */
export interface RemoteKeysSettings {
  readonly url: string
  readonly algorithms: Algorithms
  readonly fetch: Fetch
  readonly timeoutMs: number
  readonly cooldownMs: number
  readonly cacheMs: number
  readonly logger: Logger | undefined
}

/** Without an answer of the issuer, its last keys serve so many times longer than `cacheMs`. */
const CACHE_TIMES_MAX = 6
const OK = 200

/**
 * The keys that an issuer publishes. One request at a time serves all callers. A token with an unknown key causes at most one request in each
 * cooldown, however many such tokens arrive. After failures, RetryWait bounds the requests, and the last keys serve for a bounded time.
 */
export class RemoteKeys implements KeySource {
  readonly #settings: RemoteKeysSettings
  readonly #wait = new RetryWait()
  #keys: KeySet | undefined
  #fetchedMs = 0
  #fetching: Promise<KeySet> | undefined
  #lastFailure: unknown

  constructor(settings: RemoteKeysSettings) {
    this.#settings = settings
  }

  /** The keys that serve now. Older ones are fetched again in the background. */
  current(): KeySet | undefined {
    const { cacheMs, logger } = this.#settings
    const ageMs = nowMs() - this.#fetchedMs
    if (this.#keys === undefined || ageMs > cacheMs * CACHE_TIMES_MAX) return undefined
    if (ageMs > cacheMs && this.#fetching === undefined && this.#wait.isOver)
      this.#next().catch((error: unknown) => log(logger, 'auth.keysNotFetched', () => ({ error })))
    return this.#keys
  }

  async find({ algorithm, keyId }: TokenHeader): Promise<ReturnType<KeySet['find']>> {
    const keys = this.current() ?? (await this.#next())
    const key = keys.find(algorithm, keyId)
    if (key !== undefined) return key
    // The issuer can have a new key.
    if (this.#fetching === undefined && !this.#wait.isOver) {
      if (this.#wait.failed) throw unavailable(this.#lastFailure)
      return undefined
    }
    return (await this.#next()).find(algorithm, keyId)
  }

  /** The keys of the request that is running, or of the next one. Rejects with UNAVAILABLE. */
  async #next(): Promise<KeySet> {
    if (this.#fetching === undefined && !this.#wait.isOver && this.#wait.failed)
      throw unavailable(this.#lastFailure)
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetch(): Promise<KeySet> {
    const { url, algorithms, fetch, timeoutMs, cooldownMs } = this.#settings
    try {
      const init = { headers: { accept: 'application/jwk-set+json, application/json' } }
      const { status, body } = await fetchJson(fetch, url, init, timeoutMs)
      const keys = status === OK ? KeySet.remote(body, algorithms) : undefined
      if (keys === undefined) throw new Error(`the answer has the status ${status}, or is not a key set`)
      this.#keys = keys
      this.#fetchedMs = nowMs()
      this.#wait.succeeded(cooldownMs)
      return keys
    } catch (error) {
      this.#wait.failedAgain()
      this.#lastFailure = error
      throw unavailable(error)
    }
  }
}

/** The cause stays in this process; the text passes to clients. */
function unavailable(cause: unknown): ServiceError {
  return new ServiceError('UNAVAILABLE', 'the keys of the issuer cannot be fetched', {
    reason: 'KEYS_UNAVAILABLE',
    cause,
  })
}
