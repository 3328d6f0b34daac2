import { createHash } from 'node:crypto'
import { waitWithin } from '../../deadline.js'
import { ShmwireError } from '../../errors.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import { checkOptionNames, integer, invalid, misuse } from '../../options.js'
import type { Identity } from '../../peer.js'
import { networkOf } from '../client-address.js'
import { HttpError } from './http-error.js'
import { KEY_HEADER, parseIdempotencyKey } from './idempotency-key.js'
import {
  type IdempotencyEntry,
  type IdempotencyState,
  type IdempotencyStore,
  MemoryIdempotencyStore,
  type StoredAnswer,
} from './idempotency-store.js'
import { MethodPatterns } from './method-patterns.js'

/**
 * The option `idempotency` of a REST gateway: requests with the header `idempotency-key` run once. The gateway remembers the keys in its
 * memory, so a retry must reach the same gateway, and a restart forgets them, unless the program passes a `store`.
 */
export interface IdempotencyOptions {
  /** The methods whose requests need a key, by name or pattern, for example `['user.UserService/createUser']`. Default: none. */
  required?: readonly string[] | undefined
  /** How long an answer is kept, in milliseconds. 1,000 to 604,800,000 (a week). Default 600,000. */
  ttlMs?: number | undefined
  /** Keys at a time; a client may have half of them. With all of them in use, requests with a new key are refused. 2 to 10,000,000. Default 100,000. */
  maxEntries?: number | undefined
  /** The answers at a time, in bytes; a client may use half of them. An answer without room is not kept. 1 KiB to 4 GiB. Default 64 MiB. */
  maxBytes?: number | undefined
  /** Remembers the keys instead, without the bounds above. Default: none. */
  store?: IdempotencyStore | undefined
}

/** A request that may need a key. */
export interface KeyedRequest {
  /** The identity or the address of the client; see `ownerOf`. */
  readonly owner: string
  readonly service: string
  readonly method: string
  /** For example `POST`. */
  readonly httpMethod: string
  /** The path and the query, as the client has sent them. */
  readonly url: string
  /** The value of `idempotency-key`. */
  readonly key: string | undefined
  /** As the client has sent it. */
  readonly body: Uint8Array
}

/** A request that runs now. Exactly one of its methods must be called when it has ended. */
export interface IdempotentRun {
  /** Stores the answer, also that of a failed call: it is repeated for each request with the same key. */
  finish(answer: StoredAnswer): Promise<void>
  /** The call surely did not run (see `surelyDidNotRun`), so a retry may run. */
  drop(): Promise<void>
}

/** Of a request with a key: it runs now, or it has run and gets the answer of the first one. */
export type Idempotent =
  | { readonly run: IdempotentRun; readonly replay?: undefined }
  | { readonly run?: undefined; readonly replay: StoredAnswer }

const OPTION_NAMES: readonly string[] = [
  'required',
  'ttlMs',
  'maxEntries',
  'maxBytes',
  'store',
] satisfies (keyof IdempotencyOptions)[]
const KIB = 1024
const TTL_MS = 600_000
const TTL_MS_MIN = 1_000
const TTL_MS_MAX = 604_800_000
const ENTRIES = 100_000
/** One client may have half of them. */
const ENTRIES_MIN = 2
const ENTRIES_MAX = 10_000_000
const BYTES = 64 * KIB * KIB
const BYTES_MAX = 4 * KIB * KIB * KIB
/** Longer than any healthy store takes. */
const STORE_TIMEOUT_MS = 5_000

/** Runs requests with the same key once. */
export class IdempotencyKeys {
  readonly #required: MethodPatterns<true>
  readonly #store: IdempotencyStore
  readonly #logger: Logger | undefined
  readonly #storeTimeoutMs: number

  /** `storeTimeoutMs`: how long a store of the program may take. Throws `INVALID_ARGUMENT`. */
  constructor(options: IdempotencyOptions = {}, logger?: Logger, storeTimeoutMs: number = STORE_TIMEOUT_MS) {
    checkOptionNames(options, OPTION_NAMES, 'idempotency')
    const { required = [], store } = options
    if (!Array.isArray(required) || !required.every((name) => typeof name === 'string'))
      throw invalid('idempotency.required', required, 'an array of methods and patterns')
    this.#required = new MethodPatterns(
      'idempotency.required',
      'a unary method with a route of POST, PUT, PATCH or DELETE',
      new Map(required.map((name) => [name, true])),
    )
    this.#store = store === undefined ? memoryStore(options) : checkedStore(store, options)
    this.#logger = logger
    this.#storeTimeoutMs = storeTimeoutMs
  }

  /** See `MethodPatterns.checkMethods`. `names`: the unary methods that can be called with an unsafe method of HTTP. */
  checkMethods(names: readonly string[]): void {
    this.#required.checkMethods(names)
  }

  /** Whether the documentation must demand the header. */
  isRequired(service: string, method: string): boolean {
    return this.#required.get(service, method) === true
  }

  /**
   * Call it after the request has been admitted and checked, immediately before its call. Undefined: the request has no key and needs none.
   *
   * Rejects with a 400 (`IDEMPOTENCY_KEY_MISSING`, `IDEMPOTENCY_KEY_MALFORMED`), 409 (`IDEMPOTENCY_KEY_RUNNING`, `IDEMPOTENCY_ANSWER_LOST`),
   * 422 (`IDEMPOTENCY_KEY_REUSED`), and with a 429 or 503 (`IDEMPOTENCY_STORE_FULL`, `IDEMPOTENCY_STORE_FAILED`).
   */
  async begin(request: KeyedRequest): Promise<Idempotent | undefined> {
    const { key: header, service, method } = request
    if (header === undefined) {
      if (!this.isRequired(service, method)) return undefined
      throw new HttpError(400, 'INVALID_ARGUMENT', `${service}/${method} needs the header ${KEY_HEADER}`, {
        reason: 'IDEMPOTENCY_KEY_MISSING',
      })
    }
    const entry = entryOf(request, parseIdempotencyKey(header))
    const state = await this.#begin(entry)
    if (state.state === 'new') return { run: this.#runOf(entry) }
    if (state.fingerprint !== entry.fingerprint)
      throw new HttpError(
        422,
        'INVALID_ARGUMENT',
        'the idempotency key was used for another request; use a new key for each request',
        { reason: 'IDEMPOTENCY_KEY_REUSED' },
      )
    if (state.state === 'running')
      throw new HttpError(409, 'ABORTED', 'a request with this idempotency key is running; repeat it later', {
        reason: 'IDEMPOTENCY_KEY_RUNNING',
      })
    if (state.answer === undefined)
      throw new HttpError(
        409,
        'ALREADY_EXISTS',
        'the request with this idempotency key has run, but the server had no room for its answer',
        { reason: 'IDEMPOTENCY_ANSWER_LOST' },
      )
    return { replay: state.answer }
  }

  async #begin(entry: IdempotencyEntry): Promise<IdempotencyState> {
    let begun: PromiseLike<IdempotencyState> | undefined
    try {
      const state = this.#store.begin(entry)
      if (!('then' in state)) return state
      begun = state
      return await this.#within(begun)
    } catch (error) {
      if (error instanceof HttpError) throw error
      // This request is refused, so the key must not stay in use if the store answers later.
      void begun?.then(
        ({ state }) => (state === 'new' ? this.#finish(entry, undefined) : undefined),
        () => {},
      )
      this.#logFailure(error)
      throw new HttpError(
        503,
        'UNAVAILABLE',
        'the idempotency keys cannot be read; the request has not run',
        {
          reason: 'IDEMPOTENCY_STORE_FAILED',
          cause: error,
        },
      )
    }
  }

  #runOf(entry: IdempotencyEntry): IdempotentRun {
    return {
      finish: (answer) => this.#finish(entry, answer),
      drop: () => this.#finish(entry, undefined),
    }
  }

  /** The client gets its answer also if the store fails: then the key stays in use, so the request does not run twice. */
  async #finish(entry: IdempotencyEntry, answer: StoredAnswer | undefined): Promise<void> {
    try {
      const finished = this.#store.finish(entry, answer)
      if (finished !== undefined) await this.#within(finished)
    } catch (error) {
      this.#logFailure(error)
    }
  }

  #within<T>(wait: PromiseLike<T>): Promise<T> {
    const bound = { timeoutMs: this.#storeTimeoutMs }
    return waitWithin<T>(bound, 'the store of the idempotency keys', (resolve, reject) => {
      void wait.then(resolve, reject)
      return () => {}
    })
  }

  #logFailure(error: unknown): void {
    log(this.#logger, 'gateway.idempotencyStoreFailed', () => ({ error }))
  }
}

/** Clients without an identity share the keys of their IPv4 address, or of their IPv6 network of 64 bits, whose addresses one client can have. */
export function ownerOf(identity: Identity | undefined, address: string): string {
  return identity === undefined ? `address:${networkOf(address)}` : `identity:${identity.subject}`
}

/** Whether a call with this error did not run, so that a retry with the same key may. A handler that threw has run. */
export function surelyDidNotRun(error: unknown): boolean {
  return error instanceof ShmwireError && error.executed === 'no'
}

function entryOf(request: KeyedRequest, key: string): IdempotencyEntry {
  const { owner, service, method, httpMethod, url, body } = request
  const id = hashOf([owner, service, method, key])
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([httpMethod, url]))
    .update(body)
    .digest('base64url')
  return { id, fingerprint, owner }
}

/** JSON keeps the texts apart. */
function hashOf(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('base64url')
}

function memoryStore(options: IdempotencyOptions): IdempotencyStore {
  const { ttlMs = TTL_MS, maxEntries = ENTRIES, maxBytes = BYTES } = options
  return new MemoryIdempotencyStore({
    ttlMs: integer('idempotency.ttlMs', ttlMs, TTL_MS_MIN, TTL_MS_MAX),
    entriesMax: integer('idempotency.maxEntries', maxEntries, ENTRIES_MIN, ENTRIES_MAX),
    bytesMax: integer('idempotency.maxBytes', maxBytes, KIB, BYTES_MAX),
  })
}

function checkedStore(store: IdempotencyStore, options: IdempotencyOptions): IdempotencyStore {
  const isStore = typeof store?.begin === 'function' && typeof store.finish === 'function'
  if (!isStore) throw invalid('idempotency.store', store, 'an object with the methods begin and finish')
  for (const name of ['ttlMs', 'maxEntries', 'maxBytes'] as const)
    if (options[name] !== undefined)
      throw misuse(`idempotency.${name} is a bound of the store in memory; the option store replaces it`)
  return store
}
