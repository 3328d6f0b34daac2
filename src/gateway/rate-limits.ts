import { nowMs } from '../host.js'
import { checkOptionNames, integer, invalid } from '../options.js'
import { ServiceError } from '../service-error.js'
import { networkOf } from './client-address.js'
import { RateTable } from './rate-table.js'

/** At most `limit` requests at once, and on average `limit` in each `windowMs`. */
export interface RateLimit {
  /** 1 to 1,000,000. */
  limit: number
  /** In milliseconds, 1,000 to 86,400,000. */
  windowMs: number
}

/** The option `rateLimit` of a gateway. The counts live in one gateway: two gateways together allow twice as much. */
export interface RateLimitOptions {
  /** For the requests of one identity, by its subject. Default: no limit. */
  perIdentity?: RateLimit | undefined
  /** For the requests of one IPv4 address, or of one IPv6 network of 64 bits. They count before the client is authenticated. Default: no limit. */
  perAddress?: RateLimit | undefined
  /**
   * How many identities, and how many addresses, are counted on their own. Further ones share one limit until others have been quiet for
   * their window. 1 to 10,000,000; one takes about 150 bytes. Default 100,000.
   */
  maxEntries?: number | undefined
}

/** The state of one limit after a request. */
export interface RateState {
  /** The name of the limit in headers and errors. */
  readonly policy: 'address' | 'identity'
  readonly limit: number
  readonly windowMs: number
  /** False: the request must not run. It has not counted. */
  readonly allowed: boolean
  /** Requests that are allowed at once. */
  readonly remaining: number
  /** The time until the next request is allowed if this one was not, else until `limit` requests are allowed again. */
  readonly resetMs: number
}

const OPTION_NAMES: readonly string[] = [
  'perIdentity',
  'perAddress',
  'maxEntries',
] satisfies (keyof RateLimitOptions)[]
const LIMIT_NAMES: readonly string[] = ['limit', 'windowMs'] satisfies (keyof RateLimit)[]
const LIMIT_MAX = 1_000_000
const WINDOW_MS_MIN = 1_000
const WINDOW_MS_MAX = 86_400_000
const ENTRIES = 100_000
const ENTRIES_MAX = 10_000_000

/** Limits the requests of each identity and each address. */
export class RateLimits {
  readonly #identities: RateTable | undefined
  readonly #addresses: RateTable | undefined
  readonly #now: () => number

  /** Throws `INVALID_ARGUMENT`. */
  constructor(options: RateLimitOptions, now: () => number = nowMs) {
    checkOptionNames(options, OPTION_NAMES, 'rateLimit')
    const { perIdentity, perAddress, maxEntries = ENTRIES } = options
    if (perIdentity === undefined && perAddress === undefined)
      throw invalid('rateLimit', options, 'an object with perIdentity, perAddress or both')
    const entriesMax = integer('rateLimit.maxEntries', maxEntries, 1, ENTRIES_MAX)
    this.#identities = tableOf('rateLimit.perIdentity', perIdentity, entriesMax)
    this.#addresses = tableOf('rateLimit.perAddress', perAddress, entriesMax)
    this.#now = now
  }

  /** Counts a request of an IP address. Undefined: there is no limit. Call it before the request is authenticated. */
  countAddress(address: string): RateState | undefined {
    return this.#addresses && this.#count('address', this.#addresses, networkOf(address))
  }

  /** Counts a request of an identity. Undefined: there is no limit. */
  countIdentity(subject: string): RateState | undefined {
    return this.#identities && this.#count('identity', this.#identities, subject)
  }

  #count(policy: RateState['policy'], table: RateTable, owner: string): RateState {
    const { limit, windowMs } = table
    return { policy, limit, windowMs, ...table.count(owner, this.#now()) }
  }
}

/** Throws `RESOURCE_EXHAUSTED` with the reason `RATE_LIMITED` for a request that is not allowed. */
export function checkRate(state: RateState | undefined): void {
  if (state === undefined || state.allowed) return
  const { policy, limit, windowMs } = state
  const retryDelayMs = retryAfterS(state) * 1_000
  throw new ServiceError(
    'RESOURCE_EXHAUSTED',
    `more than ${limit} requests of the same ${policy} in ${windowMs} ms; repeat it after ${retryDelayMs} ms`,
    { reason: 'RATE_LIMITED', details: { policy, retryDelayMs } },
  )
}

/**
 * The headers `ratelimit-policy` and `ratelimit` (draft-ietf-httpapi-ratelimit-headers-11) for the limits of a request, and `retry-after` if
 * one of them refuses it.
 */
export function rateHeaders(states: readonly (RateState | undefined)[]): Record<string, string> {
  const counted = states.filter((state) => state !== undefined)
  if (counted.length === 0) return {}
  const headers: Record<string, string> = {
    'ratelimit-policy': counted
      .map(({ policy, limit, windowMs }) => `"${policy}";q=${limit};w=${Math.ceil(windowMs / 1_000)}`)
      .join(', '),
    ratelimit: counted.map((state) => `"${state.policy}";r=${state.remaining};t=${resetS(state)}`).join(', '),
  }
  const refused = counted.find(({ allowed }) => !allowed)
  if (refused !== undefined) headers['retry-after'] = String(retryAfterS(refused))
  return headers
}

/** Both headers of a refusal name the same time. */
function resetS(state: RateState): number {
  return state.allowed ? Math.ceil(state.resetMs / 1_000) : retryAfterS(state)
}

function retryAfterS({ resetMs }: RateState): number {
  return Math.max(1, Math.ceil(resetMs / 1_000))
}

function tableOf(name: string, limit: RateLimit | undefined, entriesMax: number): RateTable | undefined {
  if (limit === undefined) return undefined
  if (typeof limit !== 'object' || limit === null) throw invalid(name, limit, 'an object { limit, windowMs }')
  checkOptionNames(limit, LIMIT_NAMES)
  return new RateTable(
    integer(`${name}.limit`, limit.limit, 1, LIMIT_MAX),
    integer(`${name}.windowMs`, limit.windowMs, WINDOW_MS_MIN, WINDOW_MS_MAX),
    entriesMax,
  )
}
