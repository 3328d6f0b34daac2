/**
 * A message that another process publishes. Little-endian:
 *
 *   version: u8, bytes of the name of the codec: u8, of the key: u8, zero: u8, of the headers: u32, then the codec, key, headers, body
 */
import { corrupt } from '../attach/control-frame.js'
import { decodeHeaders, HEADERS_BYTES_MAX } from '../headers.js'
import { isKey } from './key.js'

const VERSION = 1
const START = 8

export interface PublishFrame {
  readonly codec: string
  /** The key and the headers. */
  readonly prefix: Buffer
  readonly keyBytes: number
  readonly body: Buffer
}

export function encodePublish(codec: string, prefix: Uint8Array, keyBytes: number, body: Uint8Array): Buffer {
  const name = Buffer.from(codec)
  const frame = Buffer.allocUnsafe(START + name.length + prefix.length + body.length)
  frame[0] = VERSION
  frame[1] = name.length
  frame[2] = keyBytes
  frame[3] = 0
  frame.writeUInt32LE(prefix.length - keyBytes, 4)
  frame.set(name, START)
  frame.set(prefix, START + name.length)
  frame.set(body, START + name.length + prefix.length)
  return frame
}

/** Checks all parts but the body. Throws `CORRUPT`. */
export function readPublish(frame: Buffer): PublishFrame {
  if (frame.length < START || frame[0] !== VERSION || frame[3] !== 0)
    throw malformed('a message of another form')
  const codecBytes = frame[1] as number
  const keyBytes = frame[2] as number
  const headersBytes = frame.readUInt32LE(4)
  const keyStart = START + codecBytes
  const headersStart = keyStart + keyBytes
  const bodyStart = headersStart + headersBytes
  if (headersBytes > HEADERS_BYTES_MAX || bodyStart > frame.length)
    throw malformed(`a message of ${frame.length} bytes that states longer parts`)
  if (keyBytes > 0 && !isKey(frame.subarray(keyStart, headersStart)))
    throw malformed('a message with a malformed key')
  if (decodeHeaders(frame.subarray(headersStart, bodyStart)) === undefined)
    throw malformed('a message with malformed headers')
  return {
    codec: frame.toString('utf8', START, keyStart),
    prefix: frame.subarray(keyStart, bodyStart),
    keyBytes,
    body: frame.subarray(bodyStart),
  }
}

function malformed(what: string): Error {
  return corrupt('the publisher', what)
}
