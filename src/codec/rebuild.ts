import { ERROR_CLASSES, HIDDEN_ERROR_KEYS } from './graph.js'

/**
 * Puts a value together again from its graph form. The nodes are input: throws TypeError where they are not of the
 * form in graph.ts (SyntaxError or RangeError where an engine's own check of a pattern or number does). The work is
 * linear in their number, whatever they say.
 */
export function rebuild(nodes: unknown): unknown {
  if (!Array.isArray(nodes) || nodes.length === 0) throw malformed('there is no list of nodes')
  // First every object, still empty, then their contents: references may lead forward and in circles.
  const values: unknown[] = nodes.map(shell)
  nodes.forEach((node, index) => {
    if (Array.isArray(node)) fill(values[index], node, values)
  })
  return values[0]
}

function shell(node: unknown): unknown {
  if (!Array.isArray(node)) return leafOf(node)
  switch (node[0]) {
    case 'object':
      return {}
    case 'array':
      return []
    case 'map':
      return new Map()
    case 'set':
      return new Set()
    case 'error':
      return errorOf(node[1])
    case 'utf16':
      return textOf(node[1])
    case 'regexp':
      return new RegExp(textOf(node[1]), stringOf(node[2]))
    case 'bigint':
      return bigintOf(node[1])
    case '-0':
      return -0
    default:
      throw malformed('it has an unknown tag')
  }
}

/** MessagePack has more than the graph's leaves: maps, and what msgpackr makes of the byte 0xc1. */
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

function fill(target: unknown, node: readonly unknown[], values: readonly unknown[]): void {
  switch (node[0]) {
    case 'object':
      for (const [key, member] of pairs(node, 1, values))
        define(target as object, stringOf(key), member, true)
      break
    case 'error':
      for (const [key, member] of pairs(node, 2, values)) {
        const name = stringOf(key)
        define(target as object, name, member, !HIDDEN_ERROR_KEYS.has(name))
      }
      break
    case 'map':
      for (const [key, member] of pairs(node, 1, values)) (target as Map<unknown, unknown>).set(key, member)
      break
    case 'array':
      for (let at = 1; at < node.length; at++) (target as unknown[]).push(resolve(node[at], values))
      break
    case 'set':
      for (let at = 1; at < node.length; at++) (target as Set<unknown>).add(resolve(node[at], values))
      break
  }
}

function* pairs(
  node: readonly unknown[],
  from: number,
  values: readonly unknown[],
): Iterable<[unknown, unknown]> {
  for (let at = from; at < node.length; at += 2)
    yield [resolve(node[at], values), resolve(node[at + 1], values)]
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

function errorOf(className: unknown): Error {
  const create = Object.hasOwn(ERROR_CLASSES, stringOf(className))
    ? ERROR_CLASSES[className as string]
    : undefined
  if (create === undefined) throw malformed('an error has an unknown class')
  return create()
}

function textOf(bytes: unknown): string {
  if (!Buffer.isBuffer(bytes) || bytes.length % 2 !== 0) throw malformed('a text is not UTF-16')
  return bytes.toString('utf16le')
}

function bigintOf(digits: unknown): bigint {
  const text = stringOf(digits)
  if (!/^-?[0-9a-f]+$/.test(text)) throw malformed('a bigint is not hexadecimal')
  return text.startsWith('-') ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`)
}

function stringOf(value: unknown): string {
  if (typeof value !== 'string') throw malformed(`a ${typeof value} is where a string must be`)
  return value
}

function malformed(what: string): TypeError {
  return new TypeError(`malformed graph: ${what}`)
}
