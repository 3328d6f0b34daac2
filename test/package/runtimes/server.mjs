// The server of the suite for other runtimes. It prints `ready` and ends by itself when the client says `finish`.
//   server.mjs <address>
import { setTimeout as sleep } from 'node:timers/promises'
import { listen } from 'shmwire'

const address = process.argv[2]
/** For a client that was killed. */
setTimeout(() => process.exit(3), 150_000).unref()

const server = await listen(address)
const bytesServer = await listen(`${address}.bytes`, { codec: 'bytes', views: true })

const handlers = {
  double: ({ value }) => value * 2,
  echo: ({ value }) => value,
  fail: () => {
    throw Object.assign(new RangeError('the handler failed'), { code: 'E_TEST' })
  },
  who: (_, channel) => ({
    pid: process.pid,
    uid: process.geteuid(),
    peer: channel.peer,
    transport: channel.transport,
  }),
  // Sends in order: messages sent before the reply arrive before the reply.
  count: async ({ value }, channel) => {
    for (let number = 0; number < value; number += 1) await channel.send(number)
    return 'all sent'
  },
  // The client sleeps when it is called back.
  later: ({ value }, channel) => {
    setTimeout(() => channel.trySend('later'), value)
  },
  slow: ({ value }) => sleep(value).then(() => 'slow'),
  kill: () => process.kill(process.pid, 'SIGKILL'),
  finish: () => {
    setImmediate(() => void Promise.all([server.close(), bytesServer.close()]))
  },
}

server.on('channel', (channel) => {
  channel.handle((request) => handlers[request.what](request, channel))
  channel.on('message', (message) => void channel.send(message))
})
bytesServer.on('channel', (channel) => {
  channel.on('message', (bytes) => void channel.send(Buffer.from(bytes)))
})
console.log('ready')
