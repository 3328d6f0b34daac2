import { withoutFrames } from '../codec/error-frames.js'
import { defineMember } from '../codec/plain.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { printable } from '../printable.js'
import type { FieldViolation } from '../service-error.js'
import { textOfThrown } from '../uncaught.js'
import { REMOTE_VIOLATIONS_MAX, readViolations, violationsOf } from './remote-violations.js'

/** One text of an error, in characters; both sides cut longer ones. */
const TEXT_MAX = 2 * 1024
/** All texts of an error with its causes: in JSON, a character has up to 6 bytes, and the limit is PAYLOAD_BYTES_MAX. */
const TEXTS_MAX = 8 * 1024
/** An error, its causes and the errors of AggregateErrors together; both sides drop further ones. */
const ERRORS_MAX = 16
/** Causes of causes; both sides drop deeper ones. */
const DEPTH_MAX = 8
/** Far more than encodeRemoteError produces: decoding JSON takes many times its length in memory. */
const PAYLOAD_BYTES_MAX = 64 * 1024

/** The part of an error that crosses. */
interface RemoteError {
  name: string
  message: string
  code?: string | number | undefined
  cause?: RemoteError | undefined
  errors?: RemoteError[] | undefined
  /** Of a ServiceError for a message that is not valid. */
  fieldViolations?: FieldViolation[] | undefined
}

/** The payload of an ERROR record for a request that arrives while this side closes. */
export const CLOSING = Buffer.from(JSON.stringify({ closing: true }))

/** The payload of an ERROR record for a request that this side has no handler for. */
export const NO_HANDLER = Buffer.from(JSON.stringify({ noHandler: true }))

/**
 * The payload of an ERROR record: UTF-8 JSON with every codec. If it is longer than `bytesMax`, without the causes; if it still is, empty.
 */
export function encodeRemoteError(thrown: unknown, bytesMax: number): Buffer {
  const whole = new Description().of(thrown, 0)
  const payload = Buffer.from(JSON.stringify(whole))
  if (payload.length <= bytesMax) return payload
  const alone = Buffer.from(
    JSON.stringify({ ...whole, cause: undefined, errors: undefined, fieldViolations: undefined }),
  )
  return alone.length <= bytesMax ? alone : Buffer.alloc(0)
}

/** Any value can be thrown: errors of other realms, DOMExceptions, plain objects, with accessors that throw again, with cycles. */
class Description {
  #charactersLeft = TEXTS_MAX
  #errorsLeft = ERRORS_MAX
  #violationsLeft = REMOTE_VIOLATIONS_MAX
  readonly #described = new Set<unknown>()

  of(thrown: unknown, depth: number): RemoteError {
    this.#errorsLeft -= 1
    // A cycle ends where it begins again.
    if (typeof thrown === 'object') this.#described.add(thrown)
    try {
      if (typeof thrown !== 'object' || thrown === null) return this.#plain(thrown)
      const { name, message, code, cause, errors } = thrown as Record<string, unknown>
      const error = typeof message === 'string' ? this.#plain(message) : this.#plain(thrown)
      if (typeof name === 'string') error.name = this.#text(name)
      if (typeof code === 'string') error.code = this.#text(code)
      if (Number.isFinite(code)) error.code = code as number
      this.#addViolations(error, thrown)
      if (cause !== undefined && this.#hasRoom(cause, depth)) error.cause = this.of(cause, depth + 1)
      if (Array.isArray(errors)) error.errors = this.#list(errors, depth)
      return error
    } catch {
      return { name: 'Error', message: 'the thrown value cannot be read' }
    }
  }

  #plain(thrown: unknown): RemoteError {
    return { name: 'Error', message: this.#text(String(thrown)) }
  }

  #addViolations(error: RemoteError, thrown: object): void {
    const violations = readViolations(violationsOf(thrown), this.#violationsLeft, (text) => this.#text(text))
    this.#violationsLeft -= violations.length
    if (violations.length > 0) error.fieldViolations = violations
  }

  #list(errors: readonly unknown[], depth: number): RemoteError[] {
    const list: RemoteError[] = []
    for (let index = 0; index < errors.length && this.#errorsLeft > 0; index++) {
      if (this.#hasRoom(errors[index], depth)) list.push(this.of(errors[index], depth + 1))
    }
    return list
  }

  #hasRoom(thrown: unknown, depth: number): boolean {
    return depth < DEPTH_MAX && this.#errorsLeft > 0 && !this.#described.has(thrown)
  }

  #text(text: string): string {
    const cut = text.slice(0, Math.min(TEXT_MAX, this.#charactersLeft))
    this.#charactersLeft -= cut.length
    return cut
  }
}

/** The error of an ERROR record. Its cause is a plain error with what the peer's handler threw. */
export function decodeRemoteError(payload: Buffer): ShmwireError {
  if (payload.length === 0) return new ShmwireError(ErrorCode.REMOTE, "the peer's handler failed")
  if (payload.length > PAYLOAD_BYTES_MAX) {
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error of ${payload.length} bytes is longer than ${PAYLOAD_BYTES_MAX}`,
    )
  }
  let fields: unknown
  try {
    fields = JSON.parse(payload.toString())
  } catch (error) {
    // Its message quotes the payload, so it must not become the cause.
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error cannot be decoded: ${textOfThrown(error)}`,
    )
  }
  if (own(fields, 'closing') === true)
    return new ShmwireError(ErrorCode.CLOSED, 'the peer is closing the channel')
  if (own(fields, 'noHandler') === true)
    return new ShmwireError(
      ErrorCode.NO_HANDLER,
      'the peer has no handler for requests; call channel.handle() on the side that answers',
    )
  const cause = errorOf(fields, 0, { errorsLeft: ERRORS_MAX, violationsLeft: REMOTE_VIOLATIONS_MAX })
  return new ShmwireError(ErrorCode.REMOTE, `the peer's handler failed: ${cause.name}: ${cause.message}`, {
    remoteCode: codeOf(fields),
    cause,
  })
}

interface Bounds {
  errorsLeft: number
  violationsLeft: number
}

/** The fields are input from the peer. */
function errorOf(fields: unknown, depth: number, bounds: Bounds): Error {
  bounds.errorsLeft -= 1
  const name = own(fields, 'name')
  const message = own(fields, 'message')
  const error = withoutFrames(
    () => new Error(printable(textOf(message))),
    () => {},
  )
  defineMember(error, 'name', typeof name === 'string' ? printable(textOf(name)) : 'Error', false)
  // The engine wrote the name of the class. The stack of the handler stays with the peer.
  defineMember(error, 'stack', `${error.name}: ${error.message}`, false)
  const code = codeOf(fields)
  if (code !== undefined) defineMember(error, 'code', code)
  addDetails(error, fields, bounds)
  const cause = own(fields, 'cause')
  const nest = (inner: unknown) => errorOf(inner, depth + 1, bounds)
  const hasRoom = () => depth < DEPTH_MAX && bounds.errorsLeft > 0
  if (isObject(cause) && hasRoom()) defineMember(error, 'cause', nest(cause), false)
  const errors = own(fields, 'errors')
  if (Array.isArray(errors)) {
    const list: Error[] = []
    for (const inner of errors) if (isObject(inner) && hasRoom()) list.push(nest(inner))
    defineMember(error, 'errors', list, false)
  }
  return error
}

/** As those of a ServiceError. */
function addDetails(error: Error, fields: unknown, bounds: Bounds): void {
  const list = own(fields, 'fieldViolations')
  if (!Array.isArray(list)) return
  const fieldViolations = readViolations(list, bounds.violationsLeft, (text) => printable(textOf(text)))
  bounds.violationsLeft -= fieldViolations.length
  defineMember(error, 'details', { fieldViolations })
}

function codeOf(fields: unknown): string | number | undefined {
  const code = own(fields, 'code')
  if (typeof code === 'string') return textOf(code)
  return Number.isFinite(code) ? (code as number) : undefined
}

function own(fields: unknown, key: string): unknown {
  return isObject(fields) && Object.hasOwn(fields, key) ? (fields as Record<string, unknown>)[key] : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, TEXT_MAX) : ''
}
