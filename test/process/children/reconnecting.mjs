// Connects, exchanges a message and leaves, again and again, until it is killed.
//   reconnecting.mjs <address> <transport>
import { connect } from '../../../dist/index.js'

const [address, transport] = process.argv.slice(2)

process.send('begun')
await Promise.all(Array.from({ length: 4 }, comeAndGo))

async function comeAndGo() {
  for (;;) {
    const channel = await connect(address, { transport })
    await channel.request('hello')
    if (Math.random() < 0.5) channel.destroy()
    else await channel.close()
  }
}
