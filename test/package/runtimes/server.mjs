// The server of the suite for other runtimes. It prints `ready` and ends by itself when the client says `finish`.
//   server.mjs <address>
import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { listen, ServiceError, serve } from 'shmwire'
import { attach } from 'shmwire/http'

const address = process.argv[2]
/** For a client that was killed. */
setTimeout(() => process.exit(3), 150_000).unref()

const server = await listen(address)
const bytesServer = await listen(`${address}.bytes`, { codec: 'bytes', views: true })
const service = await serve(`${address}.service`, {
  double: ({ value }) => value * 2,
  fail: () => {
    throw new ServiceError('NOT_FOUND', 'there is no such value')
  },
  async *count({ to }) {
    for (let number = 1; number <= to; number += 1) yield number
  },
  async sum(numbers) {
    let total = 0
    for await (const number of numbers) total += number
    return total
  },
  // Until the caller cancels it, or its deadline.
  async wait(_, { signal }) {
    await sleep(20_000, undefined, { signal })
  },
})
// In Bun, a server of node:http does not accept other sockets.
const web =
  process.versions.bun === undefined
    ? await attach(
        createServer((incoming, response) => incoming.pipe(response)),
        `${address}.web`,
      )
    : undefined

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
    hasWeb: web !== undefined,
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
    setImmediate(() => void Promise.all([server.close(), bytesServer.close(), service.close(), web?.close()]))
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
