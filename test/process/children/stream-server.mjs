// Serves byte streams at an address, and says `listening`.
//   stream-server.mjs <address> echo|end|flood|swallow
// echo returns each chunk; flood sends until it is killed; swallow reads nothing; end answers and ends at once.

import { channelDuplex } from '../../../dist/adapter/stream.js'
import { listen } from '../../../dist/index.js'

const [address, behaviour] = process.argv.slice(2)
const chunk = Buffer.alloc(10_000, 7)

const server = await listen(address, { codec: 'bytes', ringBytes: 64 * 1024 })
server.on('channel', (channel) => {
  const socket = channelDuplex(channel)
  // The clients of these tests vanish.
  socket.on('error', (error) => console.log(JSON.stringify({ code: error.code })))
  if (behaviour === 'echo') socket.pipe(socket)
  if (behaviour === 'flood') flood(socket)
  if (behaviour === 'end') socket.end(chunk)
})
console.log('"listening"')

function flood(socket) {
  while (!socket.destroyed && socket.write(chunk));
  socket.once('drain', () => flood(socket))
}
