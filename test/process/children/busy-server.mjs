// Serves many clients: echoes the requests and the messages of each.
//   busy-server.mjs <address> <transport>
import { listen } from '../../../dist/index.js'

const [address, transport] = process.argv.slice(2)
const server = await listen(address, { transport, codec: 'bytes', ringBytes: 64 * 1024 })

server.on('channel', (channel) => {
  channel.handle((value) => value)
  channel.on('message', (value) => void channel.send(value).catch(() => {}))
})
process.send('listening')
process.on('disconnect', () => process.exit())
