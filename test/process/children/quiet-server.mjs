// Serves clients, but sends them no message.
//   quiet-server.mjs <address>
import { listen } from '../../../dist/index.js'

const server = await listen(process.argv[2])
server.on('channel', (channel) => {
  channel.handle(() => new Promise(() => {}))
})
process.send('listening')
process.on('disconnect', () => process.exit())
