import { Cost, type DecodeBudget, elementsAfter, isIndexKey, LENGTH_AT_ONCE_MAX } from './decode-budget.js'
import { withoutFrames } from './error-frames.js'
import { ERROR_CLASSES, HIDDEN_ERROR_KEYS } from './graph.js'
import { KeyTable, KeyWork } from './key-work.js'
import { PatternWork } from './pattern-work.js'

/**
 * Creates a value from its graph form. The nodes are input from the peer. Throws TypeError unless they have the form in graph.ts, or
 * the SyntaxError or RangeError of the engine for a pattern or number. Throws RangeError if the value needs more memory than `budget`
 * has, or more work than its size justifies (key-work.ts, pattern-work.ts). The work is linear in the nodes and their bytes.
 */
export function decodeGraph(nodes: unknown, budget: DecodeBudget): unknown {
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed('it is not a list of nodes')
  budget.spend(Cost.PLACE * nodes.length)
  // All objects exist before any of them is filled, because references can lead forward and in cycles.
  const patterns = new PatternWork()
  const keys = new KeyWork()
  const values: unknown[] = nodes.map((node) => createNode(node, budget, patterns))
  nodes.forEach((node, index) => {
    if (Array.isArray(node)) fill(values[index], node, values, budget, keys)
  })
  return values[0]
}

function createNode(node: unknown, budget: DecodeBudget, patterns: PatternWork): unknown {
  if (!Array.isArray(node)) return leafOf(node)
  switch (node[0]) {
    case 'object':
      budget.spend(Cost.OBJECT)
      return {}
    case 'array':
      budget.spend(Cost.ARRAY + Cost.PLACE * node.length)
      return arrayOf(node.length - 1)
    case 'map':
      budget.spend(Cost.MAP)
      return new Map()
    case 'set':
      budget.spend(Cost.SET)
      return new Set()
    case 'error':
      return errorOf(node[1], budget)
    case 'utf16':
      return textOf(node[1], budget)
    case 'regexp':
      return patternOf(textOf(node[1], budget), stringOf(node[2]), budget, patterns)
    case 'bigint':
      return bigintOf(node[1], budget)
    case '-0':
      return -0
    default:
      throw malformed('it has an unknown tag')
  }
}

/** MessagePack also has maps, which a graph does not use as nodes. */
function leafOf(node: unknown): unknown {
  const isLeaf =
    typeof node !== 'object' ||
    node === null ||
    node instanceof Date ||
    ArrayBuffer.isView(node) ||
    node instanceof ArrayBuffer
  if (!isLeaf) throw malformed('a node is neither a leaf nor a list')
  return node
}

function fill(
  target: unknown,
  node: readonly unknown[],
  values: readonly unknown[],
  budget: DecodeBudget,
  keys: KeyWork,
): void {
  switch (node[0]) {
    case 'object':
      fillObject(target as object, node, 1, values, budget, keys, () => true)
      break
    case 'error':
      fillObject(target as object, node, 2, values, budget, keys, (name) => !HIDDEN_ERROR_KEYS.has(name))
      break
    case 'map':
      fillMap(target as Map<unknown, unknown>, node, values, budget, keys)
      break
    case 'array':
      for (let at = 1; at < node.length; at++) (target as unknown[])[at - 1] = resolve(node[at], values)
      break
    case 'set':
      fillSet(target as Set<unknown>, node, values, budget, keys)
      break
  }
}

function fillObject(
  target: object,
  node: readonly unknown[],
  from: number,
  values: readonly unknown[],
  budget: DecodeBudget,
  keys: KeyWork,
  isEnumerable: (name: string) => boolean,
): void {
  let elements = 0
  for (let at = from; at < node.length; at += 2) {
    const key = stringOf(resolve(node[at], values))
    keys.add(key)
    const elementsBefore = elements
    if (isIndexKey(key)) elements = elementsAfter(elements, key)
    budget.spend(Cost.KEY + Cost.PLACE * (elements - elementsBefore))
    define(target, key, resolve(node[at + 1], values), isEnumerable(key))
  }
}

/** Rejects a duplicate key, because V8 would compare it with its equal each time, at any length. */
function fillMap(
  target: Map<unknown, unknown>,
  node: readonly unknown[],
  values: readonly unknown[],
  budget: DecodeBudget,
  keys: KeyWork,
): void {
  const table = new KeyTable(keys)
  for (let at = 1; at < node.length; at += 2) {
    const key = resolve(node[at], values)
    budget.spend(Cost.ENTRY)
    table.add(key)
    target.set(key, resolve(node[at + 1], values))
    if (target.size !== (at + 1) / 2) throw malformed('a Map has a duplicate key')
  }
}

function fillSet(
  target: Set<unknown>,
  node: readonly unknown[],
  values: readonly unknown[],
  budget: DecodeBudget,
  keys: KeyWork,
): void {
  const table = new KeyTable(keys)
  for (let at = 1; at < node.length; at++) {
    const element = resolve(node[at], values)
    budget.spend(Cost.ENTRY)
    table.add(element)
    target.add(element)
    if (target.size !== at) throw malformed('a Set has a duplicate element')
  }
}

function resolve(index: unknown, values: readonly unknown[]): unknown {
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= values.length) {
    throw malformed(
      `it refers to node ${typeof index === 'number' ? index : typeof index} of ${values.length}`,
    )
  }
  return values[index]
}

/** An assignment to `__proto__` would set the prototype, so that key is defined. Assignment is faster for the others. */
function define(target: object, key: string, value: unknown, enumerable: boolean): void {
  if (enumerable && key !== '__proto__') (target as Record<string, unknown>)[key] = value
  else Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true })
}

/** V8 allocates a block of exactly this length; `push` into `[]` would allocate 17 elements. */
function arrayOf(length: number): unknown[] {
  // oxlint-disable-next-line unicorn/no-new-array -- see above
  return length > LENGTH_AT_ONCE_MAX ? [] : new Array<unknown>(length)
}

function errorOf(className: unknown, budget: DecodeBudget): Error {
  const create = Object.hasOwn(ERROR_CLASSES, stringOf(className))
    ? ERROR_CLASSES[className as string]
    : undefined
  if (create === undefined) throw malformed('an error has an unknown class')
  return withoutFrames(create, (frames) => budget.spend(Cost.ERROR + Cost.FRAME * frames))
}

function textOf(bytes: unknown, budget: DecodeBudget): string {
  if (!Buffer.isBuffer(bytes) || bytes.length % 2 !== 0) throw malformed('a text is not UTF-16')
  budget.spend(Cost.TEXT + bytes.length)
  return bytes.toString('utf16le')
}

function patternOf(source: string, flags: string, budget: DecodeBudget, patterns: PatternWork): RegExp {
  patterns.add(source, flags)
  budget.spend(Cost.REGEXP)
  return new RegExp(source, flags)
}

function bigintOf(digits: unknown, budget: DecodeBudget): bigint {
  const text = stringOf(digits)
  const isNegative = text.startsWith('-')
  const magnitude = isNegative ? text.slice(1) : text
  // A quantifier would put each digit on the stack of the matcher.
  if (magnitude === '' || /[^0-9a-f]/.test(magnitude)) throw malformed('a bigint is not hexadecimal')
  // For the text with its prefix, and for two copies of the number.
  budget.spend(Cost.BIGINT + 2 * text.length)
  const value = BigInt(`0x${magnitude}`)
  return isNegative ? -value : value
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw malformed(`it has a ${typeof value} instead of a string`)
  return value
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed graph: ${what}`)
}
