import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

/** What an error tells the peer of itself; both sides cut longer texts. */
const ERROR_TEXT_MAX = 2 * 1024

/** The payload of an ERROR record: UTF-8 JSON whatever the codec; empty where even that is longer than `bytesMax`. */
export function encodeRemoteError(thrown: unknown, bytesMax: number): Buffer {
  const { name, message, code } = describe(thrown)
  const payload = Buffer.from(JSON.stringify({ name: textOf(name), message: textOf(message), code }))
  return payload.length <= bytesMax ? payload : Buffer.alloc(0)
}

/** The payload of an ERROR record that no handler caused: this side is closing and did not look at the request. */
export const CLOSING = Buffer.from(JSON.stringify({ closing: true }))

/** Anything can be thrown, with accessors that throw again. */
function describe(thrown: unknown): { name: unknown; message: unknown; code: string | undefined } {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined }
    const { name, message } = thrown
    const { code } = thrown as { code?: unknown }
    return { name, message, code: typeof code === 'string' ? textOf(code) : undefined }
  } catch {
    return { name: 'Error', message: 'what it threw cannot be told', code: undefined }
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, ERROR_TEXT_MAX) : ''
}

/** Far more than encodeRemoteError makes; decoding JSON takes many times its length. */
const ERROR_BYTES_MAX = 64 * 1024

/** The error of an ERROR record. */
export function decodeRemoteError(payload: Buffer): ShmwireError {
  if (payload.length === 0) return new ShmwireError(ErrorCode.REMOTE, "the peer's handler failed")
  if (payload.length > ERROR_BYTES_MAX) {
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error of ${payload.length} bytes is longer than ${ERROR_BYTES_MAX}`,
    )
  }
  let told: { name?: unknown; message?: unknown; code?: unknown; closing?: unknown } | null
  try {
    told = JSON.parse(payload.toString()) as typeof told
  } catch (error) {
    // Its message quotes the payload, so it must not become the cause.
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error cannot be decoded: ${textOfThrown(error)}`,
    )
  }
  if (told?.closing === true) return new ShmwireError(ErrorCode.CLOSED, 'the peer is closing the channel')
  const name = typeof told?.name === 'string' ? textOf(told.name) : 'Error'
  const message = textOf(told?.message)
  return new ShmwireError(ErrorCode.REMOTE, `the peer's handler failed: ${name}: ${message}`, {
    remoteCode: typeof told?.code === 'string' ? textOf(told.code) : undefined,
  })
}
