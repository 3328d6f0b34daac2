import { misuse, show } from '../options.js'

/** Whether metadata with this name passes the gateway. */
export type MetadataFilter = (name: string) => boolean

const PATTERN = /^[0-9a-z_.-]{1,128}\*?$/

/** The filter of the option `metadata`: names, or prefixes with a star. Throws `INVALID_ARGUMENT`. */
export function namePatterns(
  patterns: readonly string[],
  isReservedName: (name: string) => boolean,
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
  return (name) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
}
