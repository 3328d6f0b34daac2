// Compares the engine `jetStream` with the client of NATS doing the same: jobs are pushed, each with its PubAck, and a worker acknowledges
// each with `ackAck`. Both sides use one server, one connection for each role, and streams with the same options. The sides take turns, and
// the result is the median of the ratios of the pairs.
//   node bench/messaging/jetstream.mjs [JOBS] [ROUNDS]
// It needs the program nats-server in the path.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { AckPolicy, DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { connect, nanos } from '@nats-io/transport-node'
import { jetStream } from '../../dist/engine/nats/index.js'

const [jobs = 5_000, rounds = 5] = process.argv.slice(2).map(Number)
/** Pushes without an answer, and jobs that run at once. */
const WINDOW = 256
const CONCURRENCY = 256
const BODY_BYTES = 100
const MAX_JOBS = 100_000
const MAX_BYTES = 256 * 1024 * 1024

const directory = mkdtempSync(join(tmpdir(), 'sw-bench-'))
const server = await startServer()
try {
  await compare()
} finally {
  await server.stop()
  rmSync(directory, { recursive: true, force: true })
}

async function compare() {
  const sides = { engine: await engineSide(), client: await clientSide() }
  const names = Object.keys(sides)
  // The first round compiles the code.
  for (const name of names) await sides[name].run(Math.min(jobs, 1_000))
  const ratios = { 'push rate': [], 'work rate': [], 'push processor time': [], 'work processor time': [] }
  for (let round = 0; round < rounds; round += 1) {
    const results = {}
    for (const name of round % 2 === 0 ? names : names.toReversed())
      results[name] = await sides[name].run(jobs)
    const { engine, client } = results
    for (const phase of ['push', 'work']) {
      ratios[`${phase} rate`].push(engine[phase].rate / client[phase].rate)
      ratios[`${phase} processor time`].push(engine[phase].cpuMicros / client[phase].cpuMicros)
    }
    console.log(`round ${round + 1}: ${names.map((name) => `${name} ${lineOf(results[name])}`).join(', ')}`)
  }
  for (const [name, values] of Object.entries(ratios))
    console.log(
      `${name}: engine / client = ${median(values).toFixed(2)} (${values.map((v) => v.toFixed(2)).join(', ')})`,
    )
  for (const side of Object.values(sides)) await side.close()
}

/** `createQueue`, `push` and `work` of shmwire. */
async function engineSide() {
  const pusher = jetStream({ servers: server.url })
  const working = jetStream({ servers: server.url })
  const queue = await pusher.createQueue('bench', { codec: 'bytes', maxJobs: MAX_JOBS, maxBytes: MAX_BYTES })
  const body = Buffer.alloc(BODY_BYTES, 1)
  return {
    async run(count) {
      const push = await timed(count, () => windowed(count, () => queue.push(body)))
      let left = count
      const done = deferred()
      const work = await timed(count, async () => {
        const handler = () => {
          left -= 1
          if (left === 0) done.resolve()
        }
        const worker = await working.work('bench', handler, { codec: 'bytes', concurrency: CONCURRENCY })
        await done.promise
        // Waits for the acknowledgements.
        await worker.close()
      })
      return { push, work }
    },
    async close() {
      await pusher.close()
      await working.close()
    },
  }
}

/** The same with the packages of NATS alone. */
async function clientSide() {
  const [pusher, working] = [await connect({ servers: server.url }), await connect({ servers: server.url })]
  const manager = await jetstreamManager(pusher)
  await manager.streams.add({
    name: 'bare',
    subjects: ['bare.job'],
    retention: RetentionPolicy.Workqueue,
    discard: DiscardPolicy.New,
    max_msgs: MAX_JOBS,
    max_bytes: MAX_BYTES,
    duplicate_window: nanos(120_000),
  })
  await manager.consumers.add('bare', {
    durable_name: 'workers',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(30_000),
    max_ack_pending: -1,
  })
  const client = jetstream(pusher)
  const consumer = await jetstream(working).consumers.get('bare', 'workers')
  const body = Buffer.alloc(BODY_BYTES, 1)
  let id = 0
  return {
    async run(count) {
      const push = await timed(count, () =>
        windowed(count, () => {
          id += 1
          return client.publish('bare.job', body, { msgID: `id ${id}` })
        }),
      )
      const work = await timed(count, async () => {
        const messages = await consumer.consume({ max_messages: CONCURRENCY })
        const acknowledging = new Set()
        let left = count
        for await (const message of messages) {
          const one = message.ackAck().finally(() => acknowledging.delete(one))
          acknowledging.add(one)
          if (acknowledging.size >= CONCURRENCY) await Promise.race(acknowledging)
          left -= 1
          if (left === 0) break
        }
        await Promise.all(acknowledging)
        await messages.close()
      })
      return { push, work }
    },
    async close() {
      await pusher.close()
      await working.close()
    },
  }
}

function lineOf({ push, work }) {
  const part = ({ rate, cpuMicros }) => `${rate}/s (${cpuMicros.toFixed(0)} us)`
  return `push ${part(push)} work ${part(work)}`
}

/** Runs calls, WINDOW at once. */
async function windowed(count, call) {
  let next = 0
  const run = async () => {
    while (next < count) {
      next += 1
      await call()
    }
  }
  await Promise.all(Array.from({ length: WINDOW }, run))
}

/** Calls in a second, and the processor time of this process for each. */
async function timed(count, run) {
  const begin = performance.now()
  const beginCpu = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(beginCpu)
  return {
    rate: Math.round((count / (performance.now() - begin)) * 1000),
    cpuMicros: (user + system) / count,
  }
}

function deferred() {
  let resolve
  const promise = new Promise((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

async function startServer() {
  const port = await freePort()
  const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', `${port}`, '-js', '-sd', directory], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = once(child, 'exit')
  await new Promise((resolve, reject) => {
    child.once('error', reject)
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (line.includes('Server is ready')) resolve()
    })
  })
  return {
    url: `127.0.0.1:${port}`,
    stop() {
      child.kill()
      return ended
    },
  }
}

async function freePort() {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address()
  holder.close()
  await once(holder, 'close')
  return port
}
