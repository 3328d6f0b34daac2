// A process that is killed during calls in both directions. It is driven by survivor.mjs, over process.send:
//   { role: 'server' | 'client', … }   → 'ready': it serves at the address, or has connected to it
//   'go'                               → 'running': it calls, over each of its channels
//   'block'                            → 'blocked': its event loop runs no more
// It appends the id of each call that it executes to a file, which outlives it.
import { openSync, writeSync } from 'node:fs'
import { client, serve } from '../../../../dist/index.js'
import { randomBits } from '../soak/pattern.mjs'
import { LINKS } from './links.mjs'
import { CONTRACT, Handlers } from './service.mjs'
import { Traffic } from './traffic.mjs'

const NEVER = new AbortController().signal
const channels = []
let order

process.on('disconnect', () => process.exit())
process.on('message', (message) => {
  if (message === 'go') void go()
  else if (message === 'block') process.send('blocked', block)
  else void begin(message)
})
process.send('loaded')

async function begin(given) {
  order = given
  const { role, link, name, file, wait } = order
  const { addressOf, options } = LINKS[link]
  const executed = openSync(file, 'a')
  const handlers = new Handlers((id) => writeSync(executed, `${id}\n`))
  const channel = { ...options, wait }
  if (role === 'server') {
    const service = await serve(addressOf(name), handlers, { contract: CONTRACT, channel })
    service.server.on('channel', (accepted) => channels.push(accepted))
  } else {
    const { $channel } = await client(addressOf(name), { contract: CONTRACT, channel })
    await serve($channel, handlers, { contract: CONTRACT })
    channels.push($channel)
  }
  process.send('ready')
}

async function go() {
  const bits = randomBits(order.seed)
  for (const [index, channel] of channels.entries()) {
    const service = await client(channel, { contract: CONTRACT, retries: 0 })
    void new Traffic(service, `v${order.number}.${index}.`, bits, NEVER).start(order.lanes)
  }
  process.send('running')
}

function block() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}
