import { ErrorCode, ShmwireError } from '../errors.js'
import { textOfThrown } from '../uncaught.js'

/** The texts of an error, in characters; both sides cut longer ones. */
const ERROR_TEXT_MAX = 2 * 1024

/** The payload of an ERROR record: UTF-8 JSON with every codec; empty if it is longer than `bytesMax`. */
export function encodeRemoteError(thrown: unknown, bytesMax: number): Buffer {
  const { name, message, code } = describe(thrown)
  const payload = Buffer.from(JSON.stringify({ name: textOf(name), message: textOf(message), code }))
  return payload.length <= bytesMax ? payload : Buffer.alloc(0)
}

/** The payload of an ERROR record for a request that arrives while this side closes. */
export const CLOSING = Buffer.from(JSON.stringify({ closing: true }))

/** Any value can be thrown, with accessors that throw again. */
function describe(thrown: unknown): { name: unknown; message: unknown; code: string | undefined } {
  try {
    if (!(thrown instanceof Error)) return { name: 'Error', message: String(thrown), code: undefined }
    const { name, message } = thrown
    const { code } = thrown as { code?: unknown }
    return { name, message, code: typeof code === 'string' ? textOf(code) : undefined }
  } catch {
    return { name: 'Error', message: 'the thrown value cannot be read', code: undefined }
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, ERROR_TEXT_MAX) : ''
}

/** Far more than encodeRemoteError produces: decoding JSON takes many times its length in memory. */
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
  let fields: { name?: unknown; message?: unknown; code?: unknown; closing?: unknown } | null
  try {
    fields = JSON.parse(payload.toString()) as typeof fields
  } catch (error) {
    // Its message quotes the payload, so it must not become the cause.
    return new ShmwireError(
      ErrorCode.REMOTE,
      `the peer's handler failed, and its error cannot be decoded: ${textOfThrown(error)}`,
    )
  }
  if (fields?.closing === true) return new ShmwireError(ErrorCode.CLOSED, 'the peer is closing the channel')
  const name = typeof fields?.name === 'string' ? textOf(fields.name) : 'Error'
  const message = textOf(fields?.message)
  return new ShmwireError(ErrorCode.REMOTE, `the peer's handler failed: ${name}: ${message}`, {
    remoteCode: typeof fields?.code === 'string' ? textOf(fields.code) : undefined,
  })
}
