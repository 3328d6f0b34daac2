// A second client of the README's server: prints the transport over which its first message arrived.
import { once } from 'node:events'
import { connect } from 'shmwire'

const channel = await connect('prices', { timeoutMs: 30_000 })
const [{ news }] = await once(channel, 'message')
console.log(`${channel.transport}: ${news}${channel.fallbackReason ?? ''}`)
await channel.close()
