// Serves until its parent ends: echoes each request and each message.
//   echo-server.mjs <address> <transport>
import { listen } from '../../../dist/index.js'

const [address, transport] = process.argv.slice(2)

try {
  const server = await listen(address, { transport })
  server.on('channel', (channel) => {
    process.send({ transport: channel.transport, fallbackReason: channel.fallbackReason })
    channel.handle((value) => value)
    channel.on('message', (value) => void channel.send(value).catch(() => {}))
  })
  process.on('message', async () => {
    await server.close()
    process.disconnect()
  })
  process.send('listening')
} catch (error) {
  process.send({ code: error.code, message: error.message })
  process.disconnect()
}
process.on('disconnect', () => process.exit())
