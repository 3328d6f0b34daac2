import { misuse, show } from '../options.js'

/** Whether metadata with this name passes the gateway. */
export type MetadataFilter = (name: string) => boolean

const PATTERN = /^[0-9a-z_.-]{1,128}\*?$/

/** Credentials are for the gateway, and their owners have not sent them to the services behind it. */
const CREDENTIALS: readonly string[] = [
  'authorization',
  'cookie',
  'proxy-authenticate',
  'proxy-authorization',
  'set-cookie',
  'www-authenticate',
]

/** The names of credentials, and the given ones. */
export function secretNames(secretHeaders: readonly string[]): ReadonlySet<string> {
  return new Set([...CREDENTIALS, ...secretHeaders])
}

/**
 * The filter of the option `metadata`: names, or prefixes with a star. Credentials and `secretHeaders` pass by their own names only.
 * Throws `INVALID_ARGUMENT`.
 */
export function namePatterns(
  patterns: readonly string[],
  isReservedName: (name: string) => boolean,
  secretHeaders: readonly string[],
): MetadataFilter {
  if (!Array.isArray(patterns)) throw misuse(`metadata is ${show(patterns)}; it must be an array of names`)
  const names = new Set<string>()
  const prefixes: string[] = []
  for (const pattern of patterns) {
    if (typeof pattern !== 'string' || !PATTERN.test(pattern))
      throw misuse(
        `metadata has ${show(pattern)}; it must be a name in lower case, or a prefix with a star, as in 'x-app-*'`,
      )
    if (isReservedName(pattern.replace('*', '')))
      throw misuse(`metadata has ${show(pattern)}, a name that HTTP, gRPC or shmwire uses itself`)
    if (pattern.endsWith('*')) prefixes.push(pattern.slice(0, -1))
    else names.add(pattern)
  }
  const secrets = secretNames(secretHeaders)
  return (name) =>
    names.has(name) || (!secrets.has(name) && prefixes.some((prefix) => name.startsWith(prefix)))
}
