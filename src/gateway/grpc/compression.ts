import { promisify } from 'node:util'
import { gunzip, gzip, inflate } from 'node:zlib'
import { ServiceError } from '../../service-error.js'
import { textOfThrown } from '../../uncaught.js'

const compressGzip = promisify(gzip)
const decompressGzip = promisify(gunzip)
const decompressDeflate = promisify(inflate)

/** The encodings of messages that the gateway reads. */
export const ACCEPTED_ENCODINGS = 'identity,deflate,gzip'
/** A shorter message does not get shorter. */
export const COMPRESSED_BYTES_MIN = 1024

/** Whether the value of `grpc-accept-encoding` has gzip. */
export function acceptsGzip(accepted: string | undefined): boolean {
  return accepted?.split(',').some((encoding) => encoding.trim() === 'gzip') ?? false
}

export function compress(bytes: Uint8Array): Promise<Buffer> {
  return compressGzip(bytes)
}

/** Rejects with the error of the call: `RESOURCE_EXHAUSTED`, `UNIMPLEMENTED`, `INTERNAL`. */
export async function decompress(
  bytes: Buffer,
  encoding: string | undefined,
  bytesMax: number,
): Promise<Buffer> {
  if (encoding === undefined || encoding === 'identity')
    throw new ServiceError(
      'INTERNAL',
      'a message is compressed, and the header grpc-encoding names no encoding',
    )
  if (encoding !== 'gzip' && encoding !== 'deflate')
    throw new ServiceError(
      'UNIMPLEMENTED',
      `the messages have the encoding ${encoding}; the encodings are ${ACCEPTED_ENCODINGS}`,
    )
  // zlib refuses a limit of 0.
  const limits = { maxOutputLength: Math.max(1, bytesMax) }
  try {
    return await (encoding === 'gzip' ? decompressGzip(bytes, limits) : decompressDeflate(bytes, limits))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLong('a message is longer when it is decompressed', bytesMax)
    throw new ServiceError('INTERNAL', `a message cannot be decompressed: ${textOfThrown(cause)}`, { cause })
  }
}

/** The error of a message that is longer than `maxMessageBytes`. */
export function tooLong(what: string, bytesMax: number): ServiceError {
  return new ServiceError('RESOURCE_EXHAUSTED', `${what}, more than maxMessageBytes: ${bytesMax}`)
}
