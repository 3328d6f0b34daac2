import { ErrorCode, ShmwireError } from '../errors.js'
import { beginsTls } from './tls-record.js'

/** The first bytes of each side: ASCII `SHMW`, u8 major, u8 minor, u16 zero. */
export const PREAMBLE_BYTES = 8
/** Another major version is incompatible. A higher minor version adds only parts that this version ignores. */
export const PROTOCOL_MAJOR = 1
export const PROTOCOL_MINOR = 0

const MAGIC = Buffer.from('SHMW', 'latin1')

export function encodePreamble(): Buffer {
  return Buffer.from([...MAGIC, PROTOCOL_MAJOR, PROTOCOL_MINOR, 0, 0])
}

/** Whether the bytes are a preamble of shmwire. The zeros are reserved for later versions and not checked. */
export function hasMagic(preamble: Buffer): boolean {
  return preamble.length === PREAMBLE_BYTES && preamble.subarray(0, MAGIC.length).equals(MAGIC)
}

/** Whether the bytes can be the first ones of a preamble. */
export function mayBeginMagic(bytes: Buffer): boolean {
  return MAGIC.subarray(0, bytes.length).equals(bytes.subarray(0, MAGIC.length))
}

export function noShmwire(preamble: Buffer): ShmwireError {
  if (beginsTls(preamble))
    return new ShmwireError(
      ErrorCode.VERSION,
      'the other end speaks TLS, and this side does not; use a tls:// address on both sides, or on neither',
    )
  const text = JSON.stringify(preamble.toString('latin1'))
  return new ShmwireError(
    ErrorCode.VERSION,
    `the other end does not speak the protocol of shmwire: it began with ${text}, not with "SHMW"; check what listens at the address`,
  )
}

/** A `VERSION` error, unless the peer speaks the same major version. Needs a preamble with the magic. */
export function versionFault(preamble: Buffer): ShmwireError | undefined {
  const major = preamble.readUInt8(MAGIC.length)
  if (major === PROTOCOL_MAJOR) return undefined
  return new ShmwireError(
    ErrorCode.VERSION,
    `the peer speaks protocol version ${major}, this side ${PROTOCOL_MAJOR}; install the same major version of shmwire on both`,
  )
}
