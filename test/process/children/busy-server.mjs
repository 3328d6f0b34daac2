// Serves many clients: echoes what each sends, and sends to each of its own accord meanwhile.
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
