// Connects a socket to an address, and prints what happens to it.
//   stream-client.mjs <address> destroy|unref|exit
// destroy sends 50 KiB and destroys the socket; unref sends nothing and lets the process end; exit ends it at once after a write.
import { createConnection } from '../../../dist/adapter/stream.js'

const [address, behaviour] = process.argv.slice(2)
const socket = createConnection(address)
if (behaviour === 'unref') socket.unref()
socket.on('connect', () => {
  if (behaviour === 'destroy') {
    socket.write(Buffer.alloc(50 * 1024, 1))
    socket.destroy()
  }
  if (behaviour === 'exit') {
    socket.write('last words')
    process.exit()
  }
  console.log('"connected"')
})
