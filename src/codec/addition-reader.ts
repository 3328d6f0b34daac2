import { Cost, elementsAfter, isIndexKey } from './decode-budget.js'
import { withoutFrames } from './error-frames.js'
import { defineErrorMember, errorClass } from './error-parts.js'
import { KeyTable, type KeyWork } from './key-work.js'
import { FLAGS_MAX } from './pattern-parts.js'
import type { PatternWork } from './pattern-work.js'
import { Addition, TEXT_BYTES_MAX } from './tree-format.js'

/** The work for one message that its length does not bound. */
export interface Work {
  readonly keys: KeyWork
  readonly patterns: PatternWork
}

/** The reader of the message. */
export interface AdditionSource {
  readonly work: Work
  read(): unknown
  /** The header of an array whose elements need at least one byte each. */
  readLength(valuesEach: number): number
  readBytes(): Buffer
  /** Counts an object, before its members are read. */
  register(object: object): void
  /** Throws TypeError if there is no such object. */
  objectAt(index: unknown): object
  /** Called before memory is allocated. */
  spend(bytes: number): void
}

/**
 * Reads a value that MessagePack lacks. Throws TypeError for an unknown code and for a malformed value, and the SyntaxError of the engine
 * for a pattern that it does not know.
 */
export function readAddition(source: AdditionSource, code: number): unknown {
  switch (code) {
    case Addition.MAP:
      return readMap(source)
    case Addition.SET:
      return readSet(source)
    case Addition.REGEXP:
      return readPattern(source)
    case Addition.ERROR:
      return readError(source)
    case Addition.BIGINT:
      return readBigint(source)
    case Addition.UTF16:
      return readUtf16(source)
    case Addition.REFERENCE:
      return source.objectAt(source.read())
    default:
      throw new TypeError(`${code} is neither a shape nor an addition of the format`)
  }
}

/** Rejects a duplicate key, because V8 would compare it with its equal each time, at any length. */
function readMap(source: AdditionSource): Map<unknown, unknown> {
  const length = source.readLength(2)
  source.spend(Cost.MAP + Cost.ENTRY * length)
  const map = new Map<unknown, unknown>()
  source.register(map)
  const table = new KeyTable(source.work.keys)
  for (let count = 1; count <= length; count++) {
    const key = source.read()
    table.add(key)
    map.set(key, source.read())
    if (map.size !== count) throw malformed('a Map has a duplicate key')
  }
  return map
}

function readSet(source: AdditionSource): Set<unknown> {
  const length = source.readLength(1)
  source.spend(Cost.SET + Cost.ENTRY * length)
  const set = new Set<unknown>()
  source.register(set)
  const table = new KeyTable(source.work.keys)
  for (let count = 1; count <= length; count++) {
    const element = source.read()
    table.add(element)
    if (set.add(element).size !== count) throw malformed('a Set has a duplicate element')
  }
  return set
}

function readError(source: AdditionSource): Error {
  const create = errorClass(stringOf(source.read()))
  if (create === undefined) throw malformed('an error has an unknown class')
  const length = source.readLength(2)
  const error = withoutFrames(create, (frames) => source.spend(Cost.ERROR + Cost.FRAME * frames))
  source.register(error)
  let elements = 0
  for (let index = 0; index < length; index++) {
    const key = stringOf(source.read())
    source.work.keys.add(key)
    const elementsBefore = elements
    if (isIndexKey(key)) elements = elementsAfter(elements, key)
    source.spend(Cost.KEY + Cost.PLACE * (elements - elementsBefore))
    defineErrorMember(error, key, source.read())
  }
  return error
}

function readPattern(source: AdditionSource): RegExp {
  const pattern = stringOf(source.read())
  const flags = stringOf(source.read())
  // The error of the engine would quote them.
  if (flags.length > FLAGS_MAX)
    throw malformed(`a regular expression has ${flags.length} flags, more than ${FLAGS_MAX}`)
  source.work.patterns.add(pattern, flags)
  source.spend(Cost.REGEXP)
  const result = new RegExp(pattern, flags)
  source.register(result)
  return result
}

function readBigint(source: AdditionSource): bigint {
  const text = stringOf(source.read())
  const isNegative = text.startsWith('-')
  const magnitude = isNegative ? text.slice(1) : text
  // A quantifier would put each digit on the stack of the matcher.
  if (magnitude === '' || /[^0-9a-f]/.test(magnitude)) throw malformed('a bigint is not hexadecimal')
  // For the text with its prefix, and for two copies of the number.
  source.spend(Cost.BIGINT + 2 * text.length)
  const value = BigInt(`0x${magnitude}`)
  return isNegative ? -value : value
}

function readUtf16(source: AdditionSource): string {
  const bytes = source.readBytes()
  if (bytes.length % 2 !== 0 || bytes.length > 2 * TEXT_BYTES_MAX) throw malformed('a text is not UTF-16')
  source.spend(Cost.TEXT + bytes.length)
  return bytes.toString('utf16le')
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw malformed(`it has a ${typeof value} instead of a string`)
  return value
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed value: ${what}`)
}
