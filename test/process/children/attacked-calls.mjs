// A process that serves, and calls other services on command, while hostile peers attack it. It reports { opened } and { closed } of
// each channel.
//   attacked-calls.mjs <address>
//   { connectTo, number, method, … }   → { outcomeOf, outcome } or { failureOf, failure } of the call
//   'memory'                        → { memory: bytes } after a collection
//   'cpu'                           → { cpu: milliseconds } since the start
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { client, connect, serve } from '../../../dist/index.js'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const [address] = process.argv.slice(2)
let running = 0
let channels = 0

const handlers = {
  echo: (message) => message,
  // Until its caller gives up.
  hang: async (_message, { signal }) => {
    running += 1
    await aborted(signal)
    running -= 1
    throw signal.reason
  },
  // Also after its caller has given up.
  forever: () => new Promise(() => {}),
  fail: (message) => {
    throw Object.assign(new Error(message), { code: 'FAILED' })
  },
  async *count(limit) {
    for (let number = 0; number < limit; number += 1) yield number
  },
  async sum(messages) {
    let sum = 0
    for await (const number of messages) sum += number
    return sum
  },
  // Takes no message.
  ignore: async (_messages, { signal }) => {
    await aborted(signal)
    throw signal.reason
  },
}

const service = await serve(address, handlers)
service.server.on('channel', observe)
process.on('disconnect', () => process.exit())
process.on('message', async (order) => {
  if (order === 'memory') process.send({ memory: await memory() })
  else if (order === 'cpu') process.send({ cpu: process.cpuUsage().user / 1000 })
  else if (order === 'running') process.send({ running })
  else await call(order)
})
process.send('listening')

function observe(channel) {
  channels += 1
  const number = channels
  channel.on('close', (error) =>
    process.send({ closed: number, code: error?.code ?? 'in order', message: error?.message }),
  )
  process.send({ opened: number })
}

async function call({ connectTo, number, method, streams, request, stalls = false, settings = {} }) {
  const channel = await connect(connectTo, { transport: 'socket' })
  observe(channel)
  const contract = { name: 's', hash: '0', methods: { [method]: methodOf(streams) } }
  const own = await client(channel, { contract, retries: 0 })
  try {
    const answer = own[method](streams.endsWith('in') ? numbers(request) : request, settings)
    process.send({
      outcomeOf: number,
      outcome: streams.startsWith('out') ? await last(answer, stalls) : await answer,
    })
  } catch (error) {
    const { name, code, status, message, executed, reason, remoteCode, details } = error
    process.send({
      failureOf: number,
      failure: { name, code, status, message, executed, reason, remoteCode, details },
    })
  }
}

function aborted(signal) {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', resolve)
  })
}

function methodOf(streams) {
  const any = { parse: (value) => value }
  const kind = { none: 'unary', in: 'clientStream', out: 'serverStream', 'out and in': 'bidi' }[streams]
  return { kind, input: any, output: any, safe: false, idempotent: false }
}

async function* numbers(count) {
  for (let number = 0; number < count; number += 1) yield number
}

/** The number of messages. With `stalls`, the loop does not continue after the first one. */
async function last(messages, stalls) {
  let count = 0
  for await (const _message of messages) {
    count += 1
    if (stalls) await new Promise(() => {})
  }
  return count
}

async function memory() {
  for (let count = 0; count < 3; count += 1) {
    collect()
    await new Promise((resolve) => {
      setImmediate(resolve)
    })
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
