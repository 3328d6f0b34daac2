import { types } from 'node:util'
import { Cost, type DecodeBudget, elementsAfter, isIndexKey, LENGTH_AT_ONCE_MAX } from './decode-budget.js'
import { withoutFrames } from './error-frames.js'
import { defineErrorMember, errorClass } from './error-parts.js'
import { KeyTable, KeyWork } from './key-work.js'
import { defineMember } from './plain.js'

/**
 * Creates a value from its graph form. The nodes are input from the peer. Throws TypeError unless they have the form in graph.ts.
 * Throws RangeError if the value needs more memory than `budget` has, or more work than its size justifies (key-work.ts). The work is linear
 * in the nodes and their bytes.
 */
export function decodeGraph(nodes: unknown, budget: DecodeBudget): unknown {
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed('it is not a list of nodes')
  // The places in the lists of values and of keys.
  budget.spend((Cost.PLACE + 1) * nodes.length)
  const graph: Graph = {
    // All objects exist before any of them is filled, because references can lead forward and in cycles.
    values: nodes.map((node) => createNode(node, budget)),
    ordinaryKeys: new Uint8Array(nodes.length),
    keys: new KeyWork(),
    budget,
  }
  nodes.forEach((node, index) => {
    if (Array.isArray(node)) fill(graph.values[index], node, graph)
  })
  return graph.values[0]
}

interface Graph {
  readonly values: readonly unknown[]
  /** 1 for each node that is a key which objects do not inherit, as far as it was checked. */
  readonly ordinaryKeys: Uint8Array
  readonly keys: KeyWork
  readonly budget: DecodeBudget
}

function createNode(node: unknown, budget: DecodeBudget): unknown {
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
    default:
      throw malformed('it has an unknown tag')
  }
}

/** The tree form also has maps, which a graph does not use as nodes. */
function leafOf(node: unknown): unknown {
  const isLeaf =
    typeof node !== 'object' ||
    node === null ||
    ArrayBuffer.isView(node) ||
    types.isDate(node) ||
    types.isRegExp(node) ||
    types.isArrayBuffer(node)
  if (!isLeaf) throw malformed('a node is neither a leaf nor a list')
  return node
}

function fill(target: unknown, node: readonly unknown[], graph: Graph): void {
  switch (node[0]) {
    case 'object':
      fillObject(target as Record<string, unknown>, node, graph)
      break
    case 'error':
      fillError(target as Error, node, graph)
      break
    case 'map':
      fillMap(target as Map<unknown, unknown>, node, graph)
      break
    case 'array':
      for (let at = 1; at < node.length; at++) (target as unknown[])[at - 1] = resolve(node[at], graph)
      break
    case 'set':
      fillSet(target as Set<unknown>, node, graph)
      break
  }
}

function fillObject(target: Record<string, unknown>, node: readonly unknown[], graph: Graph): void {
  let elements = 0
  for (let at = 1; at < node.length; at += 2) {
    const key = stringOf(resolve(node[at], graph))
    elements = payKey(key, elements, graph)
    const value = resolve(node[at + 1], graph)
    // See tree-reader.ts.
    if (isOrdinaryKey(key, node[at] as number, graph)) target[key] = value
    else defineMember(target, key, value)
  }
}

function isOrdinaryKey(key: string, index: number, { ordinaryKeys }: Graph): boolean {
  if (ordinaryKeys[index] === 1) return true
  if (key in Object.prototype) return false
  ordinaryKeys[index] = 1
  return true
}

function fillError(target: Error, node: readonly unknown[], graph: Graph): void {
  let elements = 0
  for (let at = 2; at < node.length; at += 2) {
    const key = stringOf(resolve(node[at], graph))
    elements = payKey(key, elements, graph)
    defineErrorMember(target, key, resolve(node[at + 1], graph))
  }
}

/** Returns the most places for elements of the object with this further key. */
function payKey(key: string, elementsBefore: number, { keys, budget }: Graph): number {
  keys.add(key)
  const elements = isIndexKey(key) ? elementsAfter(elementsBefore, key) : elementsBefore
  budget.spend(Cost.KEY + Cost.PLACE * (elements - elementsBefore))
  return elements
}

/** Rejects a duplicate key, because V8 would compare it with its equal each time, at any length. */
function fillMap(target: Map<unknown, unknown>, node: readonly unknown[], graph: Graph): void {
  const table = new KeyTable(graph.keys)
  for (let at = 1; at < node.length; at += 2) {
    const key = resolve(node[at], graph)
    graph.budget.spend(Cost.ENTRY)
    table.add(key)
    target.set(key, resolve(node[at + 1], graph))
    if (target.size !== (at + 1) / 2) throw malformed('a Map has a duplicate key')
  }
}

function fillSet(target: Set<unknown>, node: readonly unknown[], graph: Graph): void {
  const table = new KeyTable(graph.keys)
  for (let at = 1; at < node.length; at++) {
    const element = resolve(node[at], graph)
    graph.budget.spend(Cost.ENTRY)
    table.add(element)
    target.add(element)
    if (target.size !== at) throw malformed('a Set has a duplicate element')
  }
}

function resolve(index: unknown, { values }: Graph): unknown {
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= values.length) {
    throw malformed(
      `it refers to node ${typeof index === 'number' ? index : typeof index} of ${values.length}`,
    )
  }
  return values[index]
}

/** V8 allocates a block of exactly this length; `push` into `[]` would allocate 17 elements. */
function arrayOf(length: number): unknown[] {
  // oxlint-disable-next-line unicorn/no-new-array -- see above
  return length > LENGTH_AT_ONCE_MAX ? [] : new Array<unknown>(length)
}

function errorOf(className: unknown, budget: DecodeBudget): Error {
  const create = errorClass(stringOf(className))
  if (create === undefined) throw malformed('an error has an unknown class')
  return withoutFrames(create, (frames) => budget.spend(Cost.ERROR + Cost.FRAME * frames))
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw malformed(`it has a ${typeof value} instead of a string`)
  return value
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed graph: ${what}`)
}
