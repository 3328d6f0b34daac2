import { types } from 'node:util'
import { ERROR_CLASSES, type GraphNode, HIDDEN_ERROR_KEYS } from './graph.js'
import { KeyWork } from './key-work.js'
import { PatternWork } from './pattern-work.js'
import { INT64_MIN, isPlainString, UINT64_MAX, VIEW_CLASSES } from './plain.js'

/** Stands for −0 in a Map, which takes it for 0. */
const MINUS_ZERO = Symbol('-0')

/** Gives the index of a value's node. */
type Refer = (value: unknown) => number

/** Takes a value apart. Throws TypeError for what cannot be carried, RangeError for what the receiver would refuse as too much work. */
export function flatten(root: unknown): GraphNode[] {
  const values: unknown[] = []
  const indices = new Map<unknown, number>()
  const work = new KeyWork()
  const patterns = new PatternWork()
  const refer: Refer = (value) => {
    const key = Object.is(value, -0) ? MINUS_ZERO : value
    // Numbers that collide, perhaps another peer's choice, get a node for each place instead of a search.
    if (!work.search(key)) return values.push(value) - 1
    let index = indices.get(key)
    if (index === undefined) {
      index = values.push(value) - 1
      indices.set(key, index)
      work.insert()
    }
    return index
  }
  refer(root)
  const nodes: GraphNode[] = []
  for (let index = 0; index < values.length; index++) nodes.push(describe(values[index], refer, patterns))
  return nodes
}

function describe(value: unknown, refer: Refer, patterns: PatternWork): GraphNode {
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
      return typeof value === 'object' && value !== null ? describeObject(value, refer, patterns) : value
  }
}

function describeObject(value: object, refer: Refer, patterns: PatternWork): GraphNode {
  if (Array.isArray(value)) return describeArray(value, refer)
  if (types.isMap(value)) return describeMap(value, refer)
  if (types.isSet(value)) return describeSet(value, refer)
  if (types.isDate(value)) return new Date(value.getTime())
  if (types.isRegExp(value)) {
    patterns.add(value.source, value.flags)
    return ['regexp', utf16(value.source), value.flags]
  }
  if (types.isNativeError(value)) return describeError(value, refer)
  if (types.isArrayBuffer(value)) return value.slice(0)
  if (ArrayBuffer.isView(value)) return describeView(value)
  // Built-in objects with an inside of their own (promises, weak maps, boxed primitives, URLs, …) have other tags.
  const tag = tagOf(value)
  if (tag !== 'Object') throw new TypeError(`cannot send a ${tag}`)
  const node: GraphNode[] = ['object']
  for (const [key, member] of Object.entries(value)) node.push(refer(key), refer(member))
  return node
}

function describeArray(value: readonly unknown[], refer: Refer): GraphNode {
  const node: GraphNode[] = ['array']
  for (let index = 0; index < value.length; index++) {
    if (!(index in value)) {
      throw new TypeError(
        `cannot send an array with holes: of ${value.length} elements, number ${index} is missing`,
      )
    }
    node.push(refer(value[index]))
  }
  return node
}

function describeMap(value: ReadonlyMap<unknown, unknown>, refer: Refer): GraphNode {
  const node: GraphNode[] = ['map']
  const work = new KeyWork()
  for (const [key, member] of value) {
    work.add(key)
    node.push(refer(key), refer(member))
  }
  return node
}

function describeSet(value: ReadonlySet<unknown>, refer: Refer): GraphNode {
  const node: GraphNode[] = ['set']
  const work = new KeyWork()
  for (const element of value) {
    work.add(element)
    node.push(refer(element))
  }
  return node
}

function describeError(value: Error, refer: Refer): GraphNode {
  const className = Object.keys(ERROR_CLASSES).findLast((name) => inherits(value, name)) ?? 'Error'
  const node: GraphNode[] = ['error', className]
  const keys = new Set([...HIDDEN_ERROR_KEYS, ...Object.keys(value)])
  for (const key of keys) {
    const isWanted = key === 'name' ? value.name !== className : Object.hasOwn(value, key)
    if (isWanted) node.push(refer(key), refer((value as unknown as Record<string, unknown>)[key]))
  }
  return node
}

/** By name, so that an error of another realm keeps its class. */
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
