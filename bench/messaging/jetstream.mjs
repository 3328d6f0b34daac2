// Jobs of a JetStream server: they are pushed, each with its PubAck, and a worker acknowledges each one before it counts as done. One
// connection for each role, and streams with the same options.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { AckPolicy, DiscardPolicy, jetstream, jetstreamManager, RetentionPolicy } from '@nats-io/jetstream'
import { connect, nanos } from '@nats-io/transport-node'
import { jetStream } from '../../dist/engine/nats/index.js'
import { CpuOfProcesses } from '../support/cpu-time.mjs'
import { figuresOf } from '../support/figures.mjs'

/** Pushes without an answer, and jobs that run at once. */
const WINDOW = 256
const CONCURRENCY = 256
const MAX_JOBS = 100_000
const MAX_BYTES = 256 * 1024 * 1024
/** The first jobs compile the code. */
const WARM_UP_JOBS = 1_000

/** Measures pushes or work. The work of a run of pushes is not measured, and the other way round. */
export async function measureJobs(library, phase, { messageBytes, jobs }) {
  const directory = mkdtempSync(join(tmpdir(), 'shmwire-nats-'))
  const server = await startServer(directory)
  try {
    const side = await SIDES[library](server.url, messageBytes)
    await side.push(WARM_UP_JOBS)
    await side.work(WARM_UP_JOBS)
    const push = await timed(server, jobs, messageBytes, () => side.push(jobs))
    const work = await timed(server, jobs, messageBytes, () => side.work(jobs))
    await side.close()
    return phase === 'push' ? push : work
  } finally {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

const SIDES = { shmwire: engineSide, nats: clientSide }

/** `createQueue`, `push` and `work` of shmwire. */
async function engineSide(servers, messageBytes) {
  const pusher = jetStream({ servers })
  const working = jetStream({ servers })
  const queue = await pusher.createQueue('bench', { codec: 'bytes', maxJobs: MAX_JOBS, maxBytes: MAX_BYTES })
  const body = Buffer.alloc(messageBytes, 1)
  return {
    push: (count) => windowed(count, () => queue.push(body)),
    async work(count) {
      let left = count
      const done = deferred()
      const handler = () => {
        left -= 1
        if (left === 0) done.resolve()
      }
      const worker = await working.work('bench', handler, { codec: 'bytes', concurrency: CONCURRENCY })
      await done.promise
      // Waits for the acknowledgements.
      await worker.close()
    },
    async close() {
      await pusher.close()
      await working.close()
    },
  }
}

/** The same with the packages of NATS alone. */
async function clientSide(servers, messageBytes) {
  const [pusher, working] = [await connect({ servers }), await connect({ servers })]
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
  const body = Buffer.alloc(messageBytes, 1)
  let id = 0
  return {
    push: (count) =>
      windowed(count, () => {
        id += 1
        return client.publish('bare.job', body, { msgID: `id ${id}` })
      }),
    async work(count) {
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
    },
    async close() {
      await pusher.close()
      await working.close()
    },
  }
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

async function timed({ pid }, messages, messageBytes, run) {
  const cpu = new CpuOfProcesses([pid])
  const beganAt = performance.now()
  await run()
  const seconds = (performance.now() - beganAt) / 1000
  return figuresOf({ messages, messageBytes, seconds, cpuSeconds: cpu.seconds() })
}

function deferred() {
  let resolve
  const promise = new Promise((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

async function startServer(directory) {
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
    pid: child.pid,
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
