// Connects, sends one request and one message, and reports the outcome.
//   echo-client.mjs <address> <transport>
import { connect } from '../../../dist/index.js'

const [address, transport] = process.argv.slice(2)

try {
  const channel = await connect(address, { transport })
  const block = Buffer.alloc(3_000_000, 7)
  const reply = await channel.request({ block })
  const echoed = new Promise((resolve) => {
    channel.once('message', resolve)
  })
  await channel.send('a message')
  console.log(
    JSON.stringify({
      transport: channel.transport,
      fallbackReason: channel.fallbackReason ?? null,
      peer: channel.peer,
      whole: block.equals(reply.block) && (await echoed) === 'a message',
    }),
  )
  await channel.close()
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }))
}
