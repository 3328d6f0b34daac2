import type { Codec, CodecName } from '../../codec/codec.js'
import { MessageCodec } from '../message-codec.js'

/** The length of a body has 32 bits. A shorter limit is that of the channels: `maxMessageBytes`. */
const BODY_BYTES_MAX = 1024 * 1024 * 1024

/** The codec of the jobs and results of a queue. Throws `INVALID_ARGUMENT`. */
export function queueCodec(codec: CodecName | Codec | undefined): MessageCodec {
  return new MessageCodec(codec, BODY_BYTES_MAX, 'push parts, or put the data elsewhere and push its place')
}
