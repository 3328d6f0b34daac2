import { bytesCodec } from './bytes.js'
import type { Codec, CodecName } from './codec.js'
import { jsonCodec } from './json.js'
import { msgpackCodec } from './msgpack.js'
import { v8Codec } from './v8.js'

const CODECS: Readonly<Record<CodecName, Codec>> = {
  msgpack: msgpackCodec,
  json: jsonCodec,
  bytes: bytesCodec,
  v8: v8Codec,
}

export function codecFor(codec: CodecName | Codec): Codec {
  return typeof codec === 'string' ? CODECS[codec] : codec
}
