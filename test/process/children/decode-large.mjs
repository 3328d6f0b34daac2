import { MessageCodec } from '../../../build/modules/channel/message-codec.js'
import { codecFor } from '../../../build/modules/codec/codecs.js'
import { resolveOptions } from '../../../build/modules/options.js'
import { LARGE_MESSAGES } from './large-messages.mjs'

const [codecName, messageName] = process.argv.slice(2)
const { maxMessageBytes, maxDecodedBytes } = resolveOptions()
const bounds = { messageBytesMax: maxMessageBytes, decodedBytesMax: maxDecodedBytes }
const codec = new MessageCodec(codecFor(codecName), bounds, () => true)
const message = LARGE_MESSAGES[codecName][messageName]
for (const note of message.notes) codec.applyNote(note)
const bytes = message.make(maxMessageBytes)
try {
  const value = codec.decode(bytes)
  console.log(`decoded ${typeof value}`)
} catch (error) {
  console.log(`${error.code} ${error.message}`)
}
