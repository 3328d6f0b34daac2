import { types } from 'node:util'
import { isError } from './brand.js'
import { elementsOf, entriesOf } from './collections.js'
import { isLongBigint } from './plain.js'

/** Values that a search visits: less than a second. */
const PLACES_MAX = 1_000_000
const PATH_LENGTH_MAX = 200
const KEY_LENGTH_MAX = 40
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u

interface Place {
  readonly value: unknown
  readonly parent: Place | undefined
  /** For example `.key` or `[0]`. */
  readonly step: string
}

/**
 * Describes where the nearest value is that `isCulprit` accepts, for an error: `message.list[0]`. Undefined if the search does not find
 * one. It calls no accessors. A trap of a Proxy can throw.
 */
export function pathTo(message: unknown, isCulprit: (value: unknown) => boolean): string | undefined {
  const visited = new Set<unknown>()
  const places: Place[] = [{ value: message, parent: undefined, step: 'message' }]
  for (let at = 0; at < places.length; at++) {
    const place = places[at] as Place
    if (isCulprit(place.value)) return textOf(place)
    if (typeof place.value !== 'object' || place.value === null || visited.has(place.value)) continue
    visited.add(place.value)
    for (const [step, value] of members(place.value)) {
      if (places.length === PLACES_MAX) break
      places.push({ value, parent: place, step })
    }
  }
  return undefined
}

/** The values in an object that would be sent, each with its step. */
function* members(value: object): Generator<[step: string, value: unknown]> {
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) yield [`[${index}]`, value[index]]
  } else if (types.isMap(value)) {
    const entries = entriesOf(value)
    for (let at = 0; at < entries.length; at += 2) {
      const key = entries[at]
      yield [`[key ${at / 2}]`, key]
      yield [isPlainKey(key) ? `.get(${quoted(key)})` : `[value ${at / 2}]`, entries[at + 1]]
    }
  } else if (types.isSet(value)) {
    for (const [index, element] of elementsOf(value).entries()) yield [`[element ${index}]`, element]
  } else if (!ArrayBuffer.isView(value)) {
    // The message and the cause of an error are not enumerable.
    const keys = isError(value) ? Object.getOwnPropertyNames(value) : Object.keys(value)
    for (const key of keys) yield [stepTo(key), Object.getOwnPropertyDescriptor(value, key)?.value]
  }
}

function isPlainKey(key: unknown): key is string | number | bigint | boolean {
  if (typeof key === 'bigint') return !isLongBigint(key)
  return typeof key === 'string' || typeof key === 'number' || typeof key === 'boolean'
}

function stepTo(key: string): string {
  return key.length <= KEY_LENGTH_MAX && IDENTIFIER.test(key) ? `.${key}` : `[${quoted(key)}]`
}

function quoted(key: string | number | bigint | boolean): string {
  if (typeof key !== 'string') return String(key).slice(0, KEY_LENGTH_MAX)
  return JSON.stringify(key.length <= KEY_LENGTH_MAX ? key : `${key.slice(0, KEY_LENGTH_MAX)}…`)
}

/** The end of a long path, which names the value. */
function textOf(place: Place): string {
  let text = ''
  for (let at: Place | undefined = place; at !== undefined; at = at.parent) {
    text = at.step + text
    if (text.length > PATH_LENGTH_MAX && at.parent !== undefined) return `message…${text}`
  }
  return text
}
