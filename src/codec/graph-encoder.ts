import { types } from 'node:util'
import { ERROR_CLASSES, type GraphNode, HIDDEN_ERROR_KEYS } from './graph.js'
import { HASHED_LENGTH_MAX, KeyTable, KeyWork } from './key-work.js'
import { PatternWork } from './pattern-work.js'
import { INT64_MIN, isPlainString, UINT64_MAX, VIEW_CLASSES } from './plain.js'

/** Replaces −0 as a key of a Map, which does not distinguish it from 0. */
const MINUS_ZERO = Symbol('-0')

/** The accessors of the engine: those of a derived class can return another pattern than the one that matches. */
const PATTERN_SOURCE = getterOf('source')
const PATTERN_FLAGS = Object.entries({
  d: 'hasIndices',
  g: 'global',
  i: 'ignoreCase',
  m: 'multiline',
  s: 'dotAll',
  u: 'unicode',
  v: 'unicodeSets',
  y: 'sticky',
}).map(([flag, name]) => [flag, getterOf(name)] as const)

function getterOf(name: string): (this: RegExp) => unknown {
  // oxlint-disable-next-line typescript/unbound-method -- the callers pass a pattern
  return Object.getOwnPropertyDescriptor(RegExp.prototype, name)?.get as (this: RegExp) => unknown
}

/** Characters that one message may compare to find long texts in its table: about 50 ms. */
const COMPARED_CHARACTERS_MAX = 256 * 1024 * 1024

/**
 * Turns a value into the nodes of its graph form. Throws TypeError for a value that cannot be sent. Throws RangeError if the receiver
 * would refuse the work, or if colliding keys, which are written for each place, need more than `bytesMax` bytes.
 */
export function encodeGraph(root: unknown, bytesMax = Number.POSITIVE_INFINITY): GraphNode[] {
  const nodes: GraphNode[] = []
  const values = new ValueTable(bytesMax)
  const graph: Graph = {
    refer: (value) => values.refer(value),
    keys: new KeyWork(),
    patterns: new PatternWork(),
  }
  graph.refer(root)
  for (let index = 0; index < values.list.length; index++) nodes.push(describe(values.list[index], graph))
  return nodes
}

interface Graph {
  /** Returns the index of the node of a value. */
  readonly refer: (value: unknown) => number
  readonly keys: KeyWork
  readonly patterns: PatternWork
}

/** The values of a graph. Each occurs once, unless a search for it would be too much work. */
class ValueTable {
  readonly list: unknown[] = []
  readonly #indices = new Map<unknown, number>()
  readonly #numbers = new KeyTable(new KeyWork())
  /** Long texts in the table, by length: V8 compares a text with all others of its length (key-work.ts). */
  readonly #longTexts = new Map<number, number>()
  #charactersLeft = COMPARED_CHARACTERS_MAX
  #bytesLeft: number
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    this.#bytesLeft = bytesMax
  }

  refer(value: unknown): number {
    const key = Object.is(value, -0) ? MINUS_ZERO : value
    const isLong = typeof key === 'string' && key.length > HASHED_LENGTH_MAX
    if (!(isLong ? this.#maySearch(key) : this.#numbers.search(key))) return this.#addAlone(value)
    let index = this.#indices.get(key)
    if (index === undefined) {
      index = this.list.push(value) - 1
      this.#indices.set(key, index)
      if (isLong) this.#longTexts.set(key.length, (this.#longTexts.get(key.length) ?? 0) + 1)
      else this.#numbers.insert()
    }
    return index
  }

  #maySearch({ length }: string): boolean {
    this.#charactersLeft -= (this.#longTexts.get(length) ?? 0) * length
    return this.#charactersLeft >= 0
  }

  /** Colliding keys, perhaps chosen by another peer, get a node for each place instead of a search. */
  #addAlone(value: unknown): number {
    if (typeof value === 'string') this.#bytesLeft -= value.length
    if (typeof value === 'bigint') this.#bytesLeft -= value.toString(16).length
    if (this.#bytesLeft >= 0) return this.list.push(value) - 1
    throw new RangeError(
      `texts or numbers that collide in hash tables are written for each place, and then need more than maxMessageBytes: ${this.#bytesMax}; send parts`,
    )
  }
}

function describe(value: unknown, graph: Graph): GraphNode {
  switch (typeof value) {
    case 'string':
      return isPlainString(value) ? value : ['utf16', utf16(value)]
    case 'number':
      return Object.is(value, -0) ? ['-0'] : value
    case 'bigint':
      return value >= INT64_MIN && value <= UINT64_MAX ? value : ['bigint', value.toString(16)]
    case 'function':
      throw new TypeError(`cannot send a function (${value.name === '' ? 'it has no name' : value.name})`)
    case 'symbol':
      throw new TypeError(`cannot send a symbol (${String(value)})`)
    default:
      return typeof value === 'object' && value !== null ? describeObject(value, graph) : value
  }
}

function describeObject(value: object, graph: Graph): GraphNode {
  if (Array.isArray(value)) return describeArray(value, graph)
  if (types.isMap(value)) return describeMap(value, graph)
  if (types.isSet(value)) return describeSet(value, graph)
  if (types.isDate(value)) return new Date(Date.prototype.getTime.call(value))
  if (types.isRegExp(value)) return describePattern(value, graph)
  if (types.isNativeError(value)) return describeError(value, graph)
  if (types.isArrayBuffer(value)) return ArrayBuffer.prototype.slice.call(value, 0)
  if (ArrayBuffer.isView(value)) return describeView(value)
  // Built-in objects with internal state (promises, weak maps, boxed primitives, URLs, …) have other tags.
  const tag = tagOf(value)
  if (tag !== 'Object') throw new TypeError(`cannot send a ${tag}`)
  const node: GraphNode[] = ['object']
  for (const [key, member] of Object.entries(value)) {
    graph.keys.add(key)
    node.push(graph.refer(key), graph.refer(member))
  }
  return node
}

function describeArray(value: readonly unknown[], graph: Graph): GraphNode {
  const node: GraphNode[] = ['array']
  for (let index = 0; index < value.length; index++) {
    if (!(index in value)) {
      throw new TypeError(
        `cannot send an array with holes: of ${value.length} elements, number ${index} is missing`,
      )
    }
    node.push(graph.refer(value[index]))
  }
  return node
}

function describeMap(value: Map<unknown, unknown>, graph: Graph): GraphNode {
  const node: GraphNode[] = ['map']
  const table = new KeyTable(graph.keys)
  Map.prototype.forEach.call(value, (member, key) => {
    table.add(key)
    node.push(graph.refer(key), graph.refer(member))
  })
  return node
}

function describeSet(value: Set<unknown>, graph: Graph): GraphNode {
  const node: GraphNode[] = ['set']
  const table = new KeyTable(graph.keys)
  Set.prototype.forEach.call(value, (element) => {
    table.add(element)
    node.push(graph.refer(element))
  })
  return node
}

function describePattern(value: RegExp, graph: Graph): GraphNode {
  const source = PATTERN_SOURCE.call(value) as string
  let flags = ''
  for (const [flag, isSet] of PATTERN_FLAGS) if (isSet.call(value) === true) flags += flag
  graph.patterns.add(source, flags)
  return ['regexp', utf16(source), flags]
}

function describeError(value: Error, graph: Graph): GraphNode {
  const className = Object.keys(ERROR_CLASSES).findLast((name) => inherits(value, name)) ?? 'Error'
  const node: GraphNode[] = ['error', className]
  const keys = new Set([...HIDDEN_ERROR_KEYS, ...Object.keys(value)])
  for (const key of keys) {
    const isCarried = key === 'name' ? value.name !== className : Object.hasOwn(value, key)
    if (!isCarried) continue
    graph.keys.add(key)
    node.push(graph.refer(key), graph.refer((value as unknown as Record<string, unknown>)[key]))
  }
  return node
}

/** Compares names, so that an error of another realm keeps its class. */
function inherits(value: object, className: string): boolean {
  for (let link = Object.getPrototypeOf(value); link !== null; link = Object.getPrototypeOf(link)) {
    if (Object.hasOwn(link, 'constructor') && link.constructor?.name === className) return true
  }
  return false
}

/** Instances of derived classes, and of other realms, become the built-in class. */
function describeView(value: ArrayBufferView): GraphNode {
  if (Buffer.isBuffer(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  const tag = tagOf(value)
  if (!Object.hasOwn(VIEW_CLASSES, tag)) throw new TypeError(`cannot send a ${tag}`)
  const ViewClass: new (buffer: ArrayBuffer) => ArrayBufferView =
    VIEW_CLASSES[tag as keyof typeof VIEW_CLASSES]
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength).slice()
  return new ViewClass(bytes.buffer)
}

function utf16(text: string): Buffer {
  return Buffer.from(text, 'utf16le')
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1)
}
