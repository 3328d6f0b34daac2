// Sends until the channel closes, and replies to requests.
//   flood.mjs <address> <transport> <bytes of a message>
import { connect } from '../../../dist/index.js'

const [address, transport, bytes] = process.argv.slice(2)
const channel = await connect(address, { transport, codec: 'bytes' })
const message = Buffer.alloc(Number(bytes), 7)

channel.once('close', () => process.exit())
channel.handle((request) => request)
pump()

function pump() {
  for (let count = 0; count < 1_000; count += 1) {
    if (!channel.trySend(message)) return channel.once('drain', pump)
  }
  setImmediate(pump)
}
