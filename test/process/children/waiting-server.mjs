// Waits for an address and serves it: replies to each request with its name. Without `exit`, it ends only when it is killed.
//   waiting-server.mjs <address> <name> [exit]
import { listen } from '../../../dist/index.js'

const [address, name, end] = process.argv.slice(2)
process.on('message', (command) => {
  if (command === 'exit') process.exit()
})
// Otherwise the channel to the parent would keep the process alive.
process.on('disconnect', () => process.exit())
process.channel.unref()
process.send('waiting')
const server = await listen(address, { whenInUse: 'wait' })
server.on('channel', (channel) => channel.handle(() => name))
process.send('listening')
if (end === 'exit') process.exit()
