import { codecFor } from '../../build/modules/codec/codecs.js'

const ORDER = {
  id: 1_234_567,
  symbol: 'ABC',
  price: 101.25,
  quantity: 12,
  buy: true,
  time: 1_700_000_000_000,
}
/** The defaults of a channel. */
const BOUNDS = { messageBytesMax: 64 << 20, decodedBytesMax: 1 << 30 }
const CODECS = ['msgpack', 'json', 'v8']

/** @returns {[name: string, task: () => unknown][]} */
export function codecTasks() {
  return CODECS.flatMap((name) => {
    const { sender, receiver } = codecsOfChannel(codecFor(name))
    // The notes of the codec have been sent before: these are the bytes of a later object.
    for (let earlier = 0; earlier < 3; earlier++) receiver.decode(copyOf(sender.encode(ORDER)))
    const bytes = copyOf(sender.encode(ORDER))
    return [
      [`${name}: encode (${bytes.length} bytes)`, () => sender.encode(ORDER)],
      [`${name}: decode`, () => receiver.decode(bytes)],
    ]
  })
}

/** The codecs of the two ends of a channel. */
function codecsOfChannel(codec) {
  const receiver = codec.perChannel?.(() => true, BOUNDS) ?? codec
  const tell = (note) => {
    receiver.applyNote(copyOf(note))
    return true
  }
  return { sender: codec.perChannel?.(tell, BOUNDS) ?? codec, receiver }
}

/** The codec may reuse its memory. */
function copyOf(bytes) {
  return Buffer.from(bytes)
}
