import { invalid, misuse } from '../../options.js'
import { MethodPatterns } from './method-patterns.js'

/**
 * The option `cache` of a REST gateway: the header `cache-control` of successful answers to GET, by method or pattern, for example
 * `{ 'user.UserService/getUser': 'private, max-age=60' }`. Shared caches may store what is `public`, also if it needs credentials.
 */
export type CacheOptions = Readonly<Record<string, string>>

/** Of a safe method without a declared value: a client asks again each time, and gets a 304 if nothing has changed. */
const CACHE_DEFAULT = 'private, no-cache'
/** Of other methods and of errors. */
export const CACHE_NONE = 'no-store'

const SECONDS: ReadonlySet<string> = new Set([
  'max-age',
  's-maxage',
  'stale-if-error',
  'stale-while-revalidate',
])
const FLAGS: ReadonlySet<string> = new Set([
  'immutable',
  'must-revalidate',
  'must-understand',
  'no-cache',
  'no-store',
  'no-transform',
  'private',
  'proxy-revalidate',
  'public',
])
/** RFC 9111, 1.2.2: caches may count up to 2^31 seconds. */
const SECONDS_TEXT = /^\d{1,9}$/

/** Says how long answers may be stored. */
export class CacheRules {
  readonly #rules: MethodPatterns<string>

  /** Throws `INVALID_ARGUMENT` for values that are not a list of the directives of RFC 9111, RFC 5861 and RFC 8246. */
  constructor(options: CacheOptions = {}) {
    if (typeof options !== 'object' || options === null)
      throw invalid('cache', options, 'an object with a value of cache-control for each method')
    const entries = Object.entries(options)
    for (const [pattern, value] of entries) checkCacheControl(pattern, value)
    this.#rules = new MethodPatterns('cache', 'a method with a route of GET', new Map(entries))
  }

  /** See `MethodPatterns.checkMethods`. `names`: the methods that can be called with GET. */
  checkMethods(names: readonly string[]): void {
    this.#rules.checkMethods(names)
  }

  /** The value of `cache-control` for a successful answer. */
  cacheControlOf(httpMethod: string, service: string, method: string): string {
    if (httpMethod !== 'GET' && httpMethod !== 'HEAD') return CACHE_NONE
    return this.#rules.get(service, method) ?? CACHE_DEFAULT
  }
}

function checkCacheControl(pattern: string, value: unknown): void {
  const place = `cache[${JSON.stringify(pattern)}]`
  const expected = "a list of directives of cache-control, as in 'private, max-age=60'"
  if (typeof value !== 'string') throw invalid(place, value, expected)
  const directives = value.split(',').map((directive) => directive.trim())
  for (const directive of directives) {
    const [name = '', seconds] = directive.split('=')
    const isValid = SECONDS.has(name)
      ? SECONDS_TEXT.test(seconds ?? '') && directive === `${name}=${seconds}`
      : FLAGS.has(directive)
    if (!isValid) throw invalid(place, value, `${expected}; it has ${JSON.stringify(directive)}`)
  }
  if (directives.includes('public') && directives.includes('private'))
    throw misuse(`${place} is both public and private`)
}
