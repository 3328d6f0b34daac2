import { decodeRemoteError, encodeRemoteError } from '../../channel/remote-error.js'
import { ErrorCode, type Executed, ShmwireError } from '../../errors.js'
import { rawMessageOf, ServiceError } from '../../service-error.js'
import { isStatus } from '../../status.js'
import { textOfThrown } from '../../uncaught.js'
import { ErrorForm } from '../../wire/call-records.js'

/** An error that ends a call, as it crosses: see ErrorForm. */
export interface Failure {
  readonly form: number
  readonly bytes: Uint8Array
}

/** Which thrown values cross with their name, message and code: `'local'` means to processes of this machine. */
export type ExposeErrors = 'local' | 'always' | 'never'

const LENGTH_BYTES = 4
const TEXT_MAX = 2 * 1024
const REASON_MAX = 256
/** More than `encodeFailure` writes: decoding JSON takes many times its length in memory. */
const JSON_BYTES_MAX = 32 * 1024

/** The codes that a service can answer by itself. */
const LAYER_CODES: ReadonlySet<unknown> = new Set([
  ErrorCode.NO_HANDLER,
  ErrorCode.CLOSED,
  ErrorCode.BACKLOG,
  ErrorCode.CODEC,
  ErrorCode.INVALID_ARGUMENT,
  ErrorCode.TIMEOUT,
  ErrorCode.ABORTED,
])

/** An error of the service layer itself. `executed`: whether the handler can have run. */
export function layerFailure(code: ErrorCode, message: string, executed: Executed): Failure {
  return {
    form: ErrorForm.LAYER,
    bytes: Buffer.from(JSON.stringify({ code, message: message.slice(0, TEXT_MAX), executed })),
  }
}

/**
 * The failure of a handler or an interceptor that threw. `exposed`: the caller may see the name, message and code of any value. `refused`:
 * the handler has not begun, so the error can state that the call did not run.
 */
export function failureOf(
  thrown: unknown,
  { exposed, refused }: { readonly exposed: boolean; readonly refused: boolean },
  bytesMax: number,
  encode: (details: unknown) => Uint8Array,
): Failure {
  if (isServiceError(thrown)) return serviceFailure(thrown, refused, bytesMax, encode)
  const shown = exposed ? thrown : new Error('the service failed; the reason stays with it')
  return { form: ErrorForm.REMOTE, bytes: encodeRemoteError(shown, bytesMax) }
}

/** Another copy of this package has another class. */
export function isServiceError(thrown: unknown): thrown is ServiceError {
  try {
    const { code, status, message } = (thrown ?? {}) as Partial<ServiceError>
    return code === ErrorCode.SERVICE && isStatus(status) && typeof message === 'string'
  } catch {
    // Its accessors throw. `encodeRemoteError` describes such a value.
    return false
  }
}

function serviceFailure(
  error: ServiceError,
  refused: boolean,
  bytesMax: number,
  encode: (details: unknown) => Uint8Array,
): Failure {
  const message = rawMessageOf(error).slice(0, TEXT_MAX)
  const reason = typeof error.reason === 'string' ? error.reason.slice(0, REASON_MAX) : undefined
  const executed = refused && error.executed === 'no' ? 'no' : undefined
  const text = Buffer.from(JSON.stringify({ status: error.status, message, reason, executed }))
  const details = error.details === undefined ? undefined : encode(error.details)
  const bytes = Buffer.allocUnsafe(LENGTH_BYTES + text.length + (details?.length ?? 0))
  if (bytes.length > bytesMax)
    throw new ShmwireError(
      ErrorCode.MESSAGE_TOO_LARGE,
      `the error ${error.status} is ${bytes.length} bytes, more than maxMessageBytes: ${bytesMax}; shorten its details`,
    )
  bytes.writeUInt32LE(text.length, 0)
  bytes.set(text, LENGTH_BYTES)
  if (details !== undefined) bytes.set(details, LENGTH_BYTES + text.length)
  return { form: ErrorForm.SERVICE, bytes }
}

/** The error of an answer, which is input from the peer. `decode` is that of the channel. */
export function errorOfFailure(
  form: number,
  bytes: Buffer,
  decode: (details: Buffer) => unknown,
): ShmwireError {
  if (form === ErrorForm.REMOTE) return decodeRemoteError(bytes)
  return form === ErrorForm.SERVICE ? serviceErrorOf(bytes, decode) : layerErrorOf(bytes)
}

function layerErrorOf(bytes: Buffer): ShmwireError {
  const { code, message, executed } = fieldsOf(bytes)
  if (!LAYER_CODES.has(code)) return unreadable()
  return new ShmwireError(code as ErrorCode, textOf(message, TEXT_MAX), {
    executed: executed === 'no' ? 'no' : 'unknown',
  })
}

function serviceErrorOf(bytes: Buffer, decode: (details: Buffer) => unknown): ShmwireError {
  if (bytes.length < LENGTH_BYTES) return unreadable()
  const end = LENGTH_BYTES + bytes.readUInt32LE(0)
  if (end > bytes.length) return unreadable()
  const { status, message, reason, executed } = fieldsOf(bytes.subarray(LENGTH_BYTES, end))
  if (!isStatus(status)) return unreadable()
  const options: { reason?: string; details?: unknown; executed?: Executed } = {}
  if (executed === 'no') options.executed = executed
  if (typeof reason === 'string') options.reason = textOf(reason, REASON_MAX)
  try {
    if (end < bytes.length) options.details = decode(bytes.subarray(end))
  } catch (cause) {
    const text = `${textOf(message, TEXT_MAX)} (its details cannot be decoded: ${textOfThrown(cause)})`
    return new ServiceError(status, text, { ...options, cause })
  }
  return new ServiceError(status, textOf(message, TEXT_MAX), options)
}

function fieldsOf(bytes: Buffer): Record<string, unknown> {
  if (bytes.length > JSON_BYTES_MAX) return {}
  try {
    const fields: unknown = JSON.parse(bytes.toString())
    return typeof fields === 'object' && fields !== null ? { ...fields } : {}
  } catch {
    // The caller reports it: a message of the engine would quote the peer.
    return {}
  }
}

function textOf(value: unknown, charactersMax: number): string {
  return typeof value === 'string' ? value.slice(0, charactersMax) : ''
}

function unreadable(): ShmwireError {
  return new ShmwireError(ErrorCode.REMOTE, 'the service failed, and its error cannot be decoded')
}
