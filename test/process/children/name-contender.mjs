// Wants a name that others want too, whenever it is told 'listen', and answers as its pid until it is told 'close'.
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
