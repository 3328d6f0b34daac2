import { Cost, type DecodeBudget, elementsAfter, isIndexKey, LENGTH_AT_ONCE_MAX } from './decode-budget.js'
import { withoutFrames } from './error-frames.js'
import { ERROR_CLASSES, HIDDEN_ERROR_KEYS } from './graph.js'
import { KeyTable, KeyWork } from './key-work.js'
import { PatternWork } from './pattern-work.js'

/**
 * Puts a value together again from its graph form. The nodes are input: throws TypeError where they are not of the
 * form in graph.ts (SyntaxError or RangeError where an engine's own check of a pattern or number does), and RangeError where
 * the value needs more memory than `budget` has, or more work than its size justifies (key-work.ts, pattern-work.ts). The work is
 * linear in the number of nodes and of their bytes.
 */
export function rebuild(nodes: unknown, budget: DecodeBudget): unknown {
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed('there is no list of nodes')
  budget.spend(Cost.PLACE * nodes.length)
  // First every object, still empty, then their contents: references may lead forward and in circles.
  const patterns = new PatternWork()
  const keys = new KeyWork()
  const values: unknown[] = nodes.map((node) => shell(node, budget, patterns))
  nodes.forEach((node, index) => {
    if (Array.isArray(node)) fill(values[index], node, values, budget, keys)
  })
  return values[0]
}

function shell(node: unknown, budget: DecodeBudget, patterns: PatternWork): unknown {
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

/** MessagePack has more than the graph's leaves: maps. */
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

/** A key that comes twice would be compared with its equal each time, at whatever length. */
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
    if (target.size !== (at + 1) / 2) throw malformed('a key of a Map comes twice')
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
    if (target.size !== at) throw malformed('an element of a Set comes twice')
  }
}

function resolve(index: unknown, values: readonly unknown[]): unknown {
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= values.length) {
    throw malformed(
      `node ${typeof index === 'number' ? index : typeof index} of ${values.length} is referred to`,
    )
  }
  return values[index]
}

/** `__proto__` is a name like any other, so it must not be assigned; the rest may be, which is faster. */
function define(target: object, key: string, value: unknown, enumerable: boolean): void {
  if (enumerable && key !== '__proto__') (target as Record<string, unknown>)[key] = value
  else Object.defineProperty(target, key, { value, enumerable, writable: true, configurable: true })
}

/** With a block of just this length where V8 makes one: `push` into `[]` takes room for 17 elements. */
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
  // Without a quantifier, which would put each digit on the matcher's stack.
  if (magnitude === '' || /[^0-9a-f]/.test(magnitude)) throw malformed('a bigint is not hexadecimal')
  // The text with its prefix, and twice the number.
  budget.spend(Cost.BIGINT + 2 * text.length)
  const value = BigInt(`0x${magnitude}`)
  return isNegative ? -value : value
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw malformed(`a ${typeof value} is where a string must be`)
  return value
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed graph: ${what}`)
}
