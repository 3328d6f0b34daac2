import { misuse, show } from '../options.js'

const DEPTH_MAX = 256

/** The JSON of a value with sorted keys and without spaces. Throws `INVALID_ARGUMENT` if it is not a JSON value. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw misuse(`a JSON value has a cycle, or more than ${DEPTH_MAX} levels`)
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item, depth + 1)).join()}]`
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined)
    const texts = members
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member, depth + 1)}`)
    return `{${texts.join()}}`
  }
  const isJson =
    value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)
  if (!isJson) throw misuse(`a JSON value has ${show(value)}, which JSON cannot hold`)
  return JSON.stringify(value)
}
