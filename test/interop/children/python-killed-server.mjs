// Sends ten messages to each client, and runs until it is killed.
import { listen } from '../../../dist/index.js'

const server = await listen(process.argv[2], { codec: 'bytes' })
server.on('channel', (channel) => {
  let returned = 0
  channel.on('message', () => {
    if (++returned === 10) console.log('all returned')
  })
  for (let index = 0; index < 10; index++) void channel.send(Buffer.from([index]))
})
console.log('ready')
