import { decodeRemoteError, encodeRemoteError } from '../../channel/remote-error.js'
import { printable } from '../../printable.js'

/** Of an error of a handler, encoded. */
export const ERROR_BYTES_MAX = 4 * 1024
const REASON_CHARACTERS_MAX = 1_000

/** The error of an attempt that ended without one of the handler. */
export function encodeReason(reason: string): Buffer {
  return encodeRemoteError(new Error(reason), ERROR_BYTES_MAX)
}

/** The text of a handler's error, which is input from a worker. */
export function reasonOf(error: Buffer): string {
  const { cause, message } = decodeRemoteError(error)
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : message
  return printable(text, REASON_CHARACTERS_MAX)
}
