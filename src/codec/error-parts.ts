import { defineMember } from './plain.js'

/** The built-in classes of received errors, with their constructors. The most general comes first. */
const ERROR_CLASSES: Readonly<Record<string, () => Error>> = {
  Error: () => new Error(),
  EvalError: () => new EvalError(),
  RangeError: () => new RangeError(),
  ReferenceError: () => new ReferenceError(),
  SyntaxError: () => new SyntaxError(),
  TypeError: () => new TypeError(),
  URIError: () => new URIError(),
  AggregateError: () => new AggregateError([]),
}
const CLASS_NAMES = Object.keys(ERROR_CLASSES)

/** Properties of an error that are always sent, and that are not enumerable in the received error. */
const HIDDEN_KEYS: ReadonlySet<string> = new Set(['name', 'message', 'stack', 'cause', 'errors'])

/** Programs expect texts of these properties. A value of another type is not sent. */
const TEXT_KEYS: ReadonlySet<string> = new Set(['name', 'message', 'stack'])

/** Sets a property of a received error. Throws TypeError for a text that is not a string. */
export function defineErrorMember(error: Error, key: string, value: unknown): void {
  if (!canHold(key, value)) throw new TypeError(`malformed value: the ${key} of an error is not a string`)
  defineMember(error, key, value, !HIDDEN_KEYS.has(key))
}

function canHold(key: string, value: unknown): boolean {
  return typeof value === 'string' || !TEXT_KEYS.has(key)
}

/** The constructor for the name of a class from the peer. Undefined for any other name. */
export function errorClass(name: string): (() => Error) | undefined {
  return Object.hasOwn(ERROR_CLASSES, name) ? ERROR_CLASSES[name] : undefined
}

/** The nearest built-in class of an error. Compares names, so that an error of another realm keeps its class. */
export function errorClassNameOf(error: Error): string {
  return CLASS_NAMES.findLast((name) => inherits(error, name)) ?? 'Error'
}

function inherits(value: object, className: string): boolean {
  for (let link = Object.getPrototypeOf(value); link !== null; link = Object.getPrototypeOf(link)) {
    if (Object.hasOwn(link, 'constructor') && link.constructor?.name === className) return true
  }
  return false
}

/** The properties of an error that are sent: its own ones, and what its class says about `name`, `message` and `code`. */
export function errorMembers(error: Error, className: string): [key: string, value: unknown][] {
  const members: [string, unknown][] = []
  for (const key of HIDDEN_KEYS) {
    const isOwn = Object.hasOwn(error, key)
    if (!isOwn && key !== 'name' && key !== 'message') continue
    const value = memberOf(error, key)
    if (!canHold(key, value)) continue
    // A received error has the name of its class, and an empty message.
    if (key === 'name' ? value !== className : isOwn || value !== '') members.push([key, value])
  }
  for (const key of Object.keys(error)) if (!HIDDEN_KEYS.has(key)) members.push([key, memberOf(error, key)])
  if (!Object.hasOwn(error, 'code')) {
    // An accessor of the class, as in a DOMException.
    const code = memberOf(error, 'code')
    if (typeof code === 'string' || typeof code === 'number') members.push(['code', code])
  }
  return members
}

function memberOf(error: Error, key: string): unknown {
  return (error as unknown as Record<string, unknown>)[key]
}
