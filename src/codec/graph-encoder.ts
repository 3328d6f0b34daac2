import { types } from 'node:util'
import { hiddenStateOf, isError, isOfOrdinaryClass, typedArrayNameOf } from './brand.js'
import { elementsOf, entriesOf } from './collections.js'
import { errorClassNameOf, errorMembers } from './error-parts.js'
import type { GraphNode } from './graph.js'
import { HASHED_LENGTH_MAX, KeyTable, KeyWork } from './key-work.js'
import { pathTo } from './path.js'
import { patternOf } from './pattern-parts.js'
import { PatternWork } from './pattern-work.js'
import { leafCodeOf } from './plain.js'
import { TEXT_BYTES_MAX } from './tree-format.js'

/** Of a function, in an error. */
const NAME_LENGTH_MAX = 100

/** Replaces −0 as a key of a Map, which does not distinguish it from 0. */
const MINUS_ZERO = Symbol('-0')

/** Characters that one message may compare to find long texts in its table: about 50 ms. */
const COMPARED_CHARACTERS_MAX = 256 * 1024 * 1024

/**
 * Turns a value into the nodes of its graph form. Throws TypeError for a value that cannot be sent, with its place. Throws RangeError if the
 * receiver would refuse the work, or if colliding keys, which are written for each place, need more than `bytesMax` bytes.
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
  for (let index = 0; index < values.list.length; index++) {
    const value = values.list[index]
    const problem = problemOf(value)
    if (problem !== undefined) throw new TypeError(`${placeOf(root, value)} is ${problem}`)
    nodes.push(describe(value, graph))
  }
  return nodes
}

function placeOf(root: unknown, culprit: unknown): string {
  // Without a path, the value comes from an accessor, or is one of very many.
  return pathTo(root, (value) => value === culprit) ?? 'a value in the message'
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

/** Why a value cannot be sent. */
function problemOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'string':
      return isTooLong(value)
        ? `a string of more than ${TEXT_BYTES_MAX} bytes of UTF-8, the most that Node.js can decode; send parts`
        : undefined
    case 'function':
      return `a function${nameOf(value)}`
    case 'symbol':
      return `a symbol (${String(value).slice(0, NAME_LENGTH_MAX)})`
    case 'object':
      return value === null ? undefined : problemOfObject(value)
    default:
      return undefined
  }
}

/** A class can have a static member in the place of its name. */
function nameOf(value: object): string {
  const name: unknown = Object.getOwnPropertyDescriptor(value, 'name')?.value
  return typeof name === 'string' && name !== '' ? ` (${name.slice(0, NAME_LENGTH_MAX)})` : ''
}

function isTooLong(text: string): boolean {
  // A character has at most three bytes.
  return text.length > TEXT_BYTES_MAX / 3 && Buffer.byteLength(text) > TEXT_BYTES_MAX && text.isWellFormed()
}

function problemOfObject(value: object): string | undefined {
  if (Array.isArray(value)) return holesOf(value)
  if (ArrayBuffer.isView(value))
    return leafCodeOf(value) === undefined ? `a ${typedArrayNameOf(value)}` : undefined
  if (isPlain(value) || isOfKnownClass(value)) return undefined
  // As in the tree writer, which sends an instance that has a `Symbol.toStringTag` of its own.
  return isOfOrdinaryClass(Object.getPrototypeOf(value) as object) ? undefined : hiddenStateOf(value)
}

/** As in the tree writer, most objects need no further check. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === null
}

function holesOf(value: readonly unknown[]): string | undefined {
  for (let index = 0; index < value.length; index++) {
    if (!(index in value))
      return `an array with holes: of ${value.length} elements, number ${index} is missing`
  }
  return undefined
}

function isOfKnownClass(value: object): boolean {
  return isLeaf(value) || types.isMap(value) || types.isSet(value) || isError(value)
}

function isLeaf(value: object): boolean {
  return (
    ArrayBuffer.isView(value) || types.isDate(value) || types.isRegExp(value) || types.isArrayBuffer(value)
  )
}

/** The node of a value that can be sent. The tree writer encodes leaves. */
function describe(value: unknown, graph: Graph): GraphNode {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return describeArray(value, graph)
  if (isPlain(value)) return describeMembers(['object'], Object.entries(value), graph)
  if (types.isRegExp(value)) {
    const { source, flags } = patternOf(value)
    graph.patterns.add(source, flags)
    return value
  }
  if (isLeaf(value)) return value
  if (types.isMap(value)) return describeMap(value, graph)
  if (types.isSet(value)) return describeSet(value, graph)
  if (isError(value)) {
    const className = errorClassNameOf(value)
    return describeMembers(['error', className], errorMembers(value, className), graph)
  }
  return describeMembers(['object'], Object.entries(value), graph)
}

function describeArray(value: readonly unknown[], graph: Graph): GraphNode {
  const node: GraphNode[] = ['array']
  for (let index = 0; index < value.length; index++) node.push(graph.refer(value[index]))
  return node
}

function describeMap(value: Map<unknown, unknown>, graph: Graph): GraphNode {
  const node: GraphNode[] = ['map']
  const table = new KeyTable(graph.keys)
  const entries = entriesOf(value)
  for (let at = 0; at < entries.length; at += 2) {
    table.add(entries[at])
    node.push(graph.refer(entries[at]), graph.refer(entries[at + 1]))
  }
  return node
}

function describeSet(value: Set<unknown>, graph: Graph): GraphNode {
  const node: GraphNode[] = ['set']
  const table = new KeyTable(graph.keys)
  for (const element of elementsOf(value)) {
    table.add(element)
    node.push(graph.refer(element))
  }
  return node
}

function describeMembers(node: GraphNode[], members: readonly [string, unknown][], graph: Graph): GraphNode {
  for (const [key, member] of members) {
    graph.keys.add(key)
    node.push(graph.refer(key), graph.refer(member))
  }
  return node
}
