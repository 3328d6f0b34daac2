// Serves clients that get nothing from it.
//   quiet-server.mjs <address>
import { listen } from '../../../dist/index.js'

const server = await listen(process.argv[2])
server.on('channel', (channel) => {
  channel.handle(() => new Promise(() => {}))
})
process.send('listening')
process.on('disconnect', () => process.exit())
