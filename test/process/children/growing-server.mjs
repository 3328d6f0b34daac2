// Serves until its parent ends: echoes each message, and answers a request with one byte, 1 if a claim of that many bytes is in its ring.
//   growing-server.mjs <address> <ringBytes>
import { listen } from '../../../dist/index.js'

const [address, ringText] = process.argv.slice(2)
const ringBytes = Number(ringText)

const server = await listen(address, { transport: 'shm', codec: 'bytes', ringBytes })
server.on('channel', (channel) => {
  channel.handle((request) => {
    const claim = channel.claim(Number(Buffer.from(request).toString()))
    const isInRing = claim.bytes.buffer.byteLength === ringBytes
    claim.abort()
    return Uint8Array.of(isInRing ? 1 : 0)
  })
  channel.on('message', (value) => void channel.send(value).catch(() => {}))
})
process.send('listening')
process.on('disconnect', () => process.exit())
