// One request of HTTP through four processes and a queue, as one trace: gateway, orders, stock, and the worker of a queue.
// It prints the trace of the fastest one of some requests as a waterfall.
//
//   node examples/tracing/main.mjs [--svg FILE]
//
//   --svg  also draws it
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { drawTrace } from './picture.mjs'
import { printTrace } from './text.mjs'
import { fastestTrace } from './tree.mjs'

/** The first requests compile the code of the processes. */
const REQUESTS = 60

const { svg } = parseArgs({ options: { svg: { type: 'string' } } }).values

const spans = []
const processes = []
const addresses = ['orders', 'stock', 'labels'].map((name) => `${name}-${process.pid}`)

try {
  // Each one needs those that come before it.
  for (const name of ['stock', 'worker', 'orders']) await start(name)
  const origin = await start('gateway')
  for (let count = 0; count < REQUESTS; count += 1) await placeOrder(origin)
} finally {
  // A span ends after its answer is sent. A process that ends has sent all of its spans.
  for (const child of processes.toReversed()) await stop(child)
}

const trace = fastestTrace(spans)
console.log(printTrace(trace))
if (svg !== undefined) writeFileSync(svg, drawTrace(trace, REQUESTS))

/** Resolves to what the process reports when it is ready. */
async function start(name) {
  const child = fork(new URL(`${name}.mjs`, import.meta.url), addresses)
  processes.push(child)
  return new Promise((resolve, reject) => {
    child.on('message', ({ ready, span }) => (span === undefined ? resolve(ready) : spans.push(span)))
    child.once('exit', (code, signal) => reject(new Error(`${name} ended with ${signal ?? code}`)))
  })
}

async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.send('stop')
  await ended
}

async function placeOrder(origin) {
  const reply = await fetch(`${origin}/api/v1/orders`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ items: ['cup', 'plate'] }),
  })
  if (reply.status !== 200)
    throw new Error(`the gateway answered with ${reply.status}: ${await reply.text()}`)
  return reply.json()
}
