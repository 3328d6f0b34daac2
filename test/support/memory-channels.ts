import { Channel } from '../../src/channel/channel.js'
import type { Codec, CodecName } from '../../src/codec/codec.js'
import { codecFor } from '../../src/codec/codecs.js'
import { DECODED_BYTES_DEFAULT } from '../../src/codec/decode-budget.js'
import { createInProcessLinks } from '../../src/testing/in-process-link.js'

/** Two joined channels inside this process. */
export function memoryChannels(
  options: {
    codec?: Codec | CodecName
    capacityBytes?: number
    maxMessageBytes?: number
    maxDecodedBytes?: number
  } = {},
): [Channel, Channel] {
  const { codec = 'msgpack', capacityBytes = 64 * 1024, maxMessageBytes = 1024 * 1024 } = options
  const { maxDecodedBytes = DECODED_BYTES_DEFAULT } = options
  const [left, right] = createInProcessLinks(capacityBytes)
  const parts = { codec: codecFor(codec), maxMessageBytes, maxDecodedBytes }
  return [new Channel({ ...parts, link: left }), new Channel({ ...parts, link: right })]
}
