// Claims a name in competition with others after 'listen', and replies with its pid until 'close'.
//   name-contender.mjs <address> <transport>
import { listen } from '../../../dist/index.js'

const [address, transport] = process.argv.slice(2)
let server

process.on('message', async (command) => {
  if (command === 'listen') {
    try {
      server = await listen(address, { transport })
      server.on('channel', (channel) => channel.handle(() => process.pid))
      process.send('won')
    } catch (error) {
      process.send(error.code)
    }
  } else {
    await server.close()
    process.send('closed')
  }
})
process.on('disconnect', () => process.exit())
process.send('ready')
