import { isServiceError } from '../../service/call/call-failure.js'
import type { Status } from '../../status.js'
import { publicError } from '../public-error.js'
import { codeOfStatus, OK } from './status-codes.js'
import { encodeStatusDetails } from './status-details.js'

/** The end of a call, as gRPC sends it in the trailers. */
export interface CallStatus {
  readonly code: number
  readonly message: string
  /** The value of `grpc-status-details-bin`. */
  readonly details: Uint8Array | undefined
}

export const SUCCESS: CallStatus = { code: OK, message: '', details: undefined }

/** Common clients refuse headers that are longer than 8 KiB in total; an encoded character has up to 9 bytes. */
const MESSAGE_CHARACTERS_MAX = 1024

export function statusOf(status: Status, message: string): CallStatus {
  return { code: codeOfStatus(status), message, details: undefined }
}

/** The status that the client of a call gets for an error. Only a `ServiceError` crosses with its text, reason and details. */
export function statusOfError(error: unknown): CallStatus {
  const { status, message } = publicError(error)
  return {
    code: codeOfStatus(status),
    message,
    details: isServiceError(error) ? encodeStatusDetails(error) : undefined,
  }
}

/** The value of `grpc-message`: UTF-8, in which all bytes that are not printable ASCII, and the percent sign, are encoded. */
export function encodeStatusMessage(message: string): string {
  const shown =
    message.length > MESSAGE_CHARACTERS_MAX ? `${message.slice(0, MESSAGE_CHARACTERS_MAX)}…` : message
  return shown
    .toWellFormed()
    .replaceAll(/[^\x20-\x24\x26-\x7e]+/g, (characters) =>
      Buffer.from(characters).toString('hex').toUpperCase().replaceAll(/../g, '%$&'),
    )
}
