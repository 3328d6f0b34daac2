import type { PathTemplate } from '../../service/contract/path-template.js'
import { HttpError } from './http-error.js'
import { decodeExceptSlash, decodePercent } from './path-text.js'

/** A route that a request matches. */
export interface FoundRoute<Target> {
  readonly target: Target
  /** The values of the variables of the template, in its order. */
  readonly variables: readonly string[]
}

/** By the method of HTTP. */
type Leaves<Target> = Map<string, { readonly template: PathTemplate; readonly target: Target }>

interface Node<Target> {
  readonly literals: Map<string, Node<Target>>
  /** The segment `*`. */
  any: Node<Target> | undefined
  /** The segment `**`. */
  rest: Node<Target> | undefined
  /** By the verb. */
  readonly ends: Map<string, Leaves<Target>>
}

/** A request has more segments than any template can have. */
const SEGMENTS_MAX = 256

/** The routes of a gateway. Of several templates that a path matches, the one with the first literal where the others have a star counts. */
export class RouteTable<Target> {
  readonly #root: Node<Target> = newNode()
  readonly #verbs = new Set<string>()

  /** Returns the target that already has this route, if there is one; then nothing changes. */
  add(method: string, template: PathTemplate, target: Target): Target | undefined {
    let node = this.#root
    for (const segment of template.segments) node = childOf(node, segment)
    let leaves = node.ends.get(template.verb)
    if (leaves === undefined) {
      leaves = new Map()
      node.ends.set(template.verb, leaves)
    }
    const present = leaves.get(method)
    if (present !== undefined) return present.target
    leaves.set(method, { template, target })
    if (template.verb !== '') this.#verbs.add(template.verb)
    return undefined
  }

  /** The route for the raw path of a request. An array: the path has routes for these methods only. Throws the error 400 for a wrong path. */
  find(method: string, path: string): FoundRoute<Target> | readonly string[] | undefined {
    const raw = path === '/' ? [] : path.slice(1).split('/')
    if (raw.length > SEGMENTS_MAX || raw.includes('')) return undefined
    const last = raw.at(-1) ?? ''
    const colon = last.lastIndexOf(':')
    if (colon > 0 && this.#verbs.has(last.slice(colon + 1))) {
      const found = this.#match(method, [...raw.slice(0, -1), last.slice(0, colon)], last.slice(colon + 1))
      if (found !== undefined) return found
    }
    return this.#match(method, raw, '')
  }

  #match(
    method: string,
    raw: readonly string[],
    verb: string,
  ): FoundRoute<Target> | readonly string[] | undefined {
    const segments = raw.some(needsCare) ? raw.map(decodedSegment) : raw
    const found = someEnd(this.#root, segments, 0, verb, (leaves) => leaves.get(method))
    if (found !== undefined)
      return { target: found.target, variables: valuesOf(found.template, raw, segments) }
    const allowed = new Set<string>()
    someEnd(this.#root, segments, 0, verb, (leaves) => {
      for (const name of leaves.keys()) allowed.add(name)
      return undefined
    })
    return allowed.size === 0 ? undefined : [...allowed]
  }
}

function newNode<Target>(): Node<Target> {
  return { literals: new Map(), any: undefined, rest: undefined, ends: new Map() }
}

function childOf<Target>(node: Node<Target>, segment: string): Node<Target> {
  if (segment === '*') {
    node.any ??= newNode()
    return node.any
  }
  if (segment === '**') {
    node.rest ??= newNode()
    return node.rest
  }
  const literal = decodePercent(segment, 'the path')
  let child = node.literals.get(literal)
  if (child === undefined) {
    child = newNode()
    node.literals.set(literal, child)
  }
  return child
}

/** The first result of `select`, for the best end first. Each node is at one depth, so that the work is bounded by their number. */
function someEnd<Target, Result>(
  node: Node<Target>,
  segments: readonly string[],
  index: number,
  verb: string,
  select: (leaves: Leaves<Target>) => Result | undefined,
): Result | undefined {
  let found: Result | undefined
  if (index === segments.length) found = selected(node.ends.get(verb), select)
  else {
    const literal = node.literals.get(segments[index] as string)
    if (literal !== undefined) found = someEnd(literal, segments, index + 1, verb, select)
    if (node.any !== undefined) found ??= someEnd(node.any, segments, index + 1, verb, select)
  }
  return found ?? selected(node.rest?.ends.get(verb), select)
}

function selected<Target, Result>(
  leaves: Leaves<Target> | undefined,
  select: (leaves: Leaves<Target>) => Result | undefined,
): Result | undefined {
  return leaves === undefined ? undefined : select(leaves)
}

/** Whether a segment is encoded, or can be one of those that clients remove. */
function needsCare(raw: string): boolean {
  return raw.includes('%') || raw.startsWith('.')
}

/** Proxies and clients remove such segments, and would take the request for another one. */
function decodedSegment(raw: string): string {
  const text = decodePercent(raw, 'the path')
  if (text === '.' || text === '..')
    throw new HttpError(
      400,
      'INVALID_ARGUMENT',
      'the path has a segment "." or ".."; send the path without it',
    )
  return text
}

function valuesOf(
  { variables, segments: pattern }: PathTemplate,
  raw: readonly string[],
  segments: readonly string[],
): string[] {
  return variables.map(({ start, end }) => {
    if (end === start + 1 && pattern[start] !== '**') return segments[start] as string
    const isRest = pattern[end - 1] === '**'
    return raw
      .slice(start, isRest ? undefined : end)
      .map(decodeExceptSlash)
      .join('/')
  })
}
