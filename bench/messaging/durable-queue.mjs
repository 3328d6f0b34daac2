// Durable queues: a producer, two workers, and the process with the jobs, each of them a process of its own. A push resolves when the disk has
// the job, and a finished job does not run again. Each run has new files, in the folder for temporary files.
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CpuOfProcesses } from '../support/cpu-time.mjs'
import { figuresOf } from '../support/figures.mjs'
import { startRedis } from './redis-server.mjs'

const SIDE = fileURLToPath(new URL('queue-side.mjs', import.meta.url))
const WORKERS = 2

/** A queue of shmwire with `store`. */
export function overStore(options) {
  return measure('shmwire', startShmwire, options)
}

/** BullMQ on a redis-server with `appendfsync always`. With `bulk`, it adds this many jobs in one call. */
export function overBullmq(bulk, options) {
  return measure('bullmq', startRedis, { ...options, bulk })
}

/** From the first push to the end of the last job. */
async function measure(library, start, { messageBytes, jobs, inFlight, bulk }) {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-queue-'))
  mkdirSync(join(folder, 'run'), { mode: 0o700 })
  const server = await start(folder)
  const options = { address: server.address, bytes: messageBytes, jobs, inFlight, bulk }
  const children = []
  const side = async (role) => {
    const child = await startSide(folder, library, role, options)
    children.push(child)
    return child
  }
  try {
    const workers = []
    for (let index = 0; index < WORKERS; index += 1) workers.push(await side('worker'))
    const producer = await side('producer')
    const cpu = new CpuOfProcesses([server, ...children].map(({ pid }) => pid))
    const startMs = performance.now()
    const pushed = message(producer, 'pushed')
    const done = allDone(workers, jobs)
    producer.send({ type: 'start' })
    const { latencyNanos } = await pushed
    const pushSeconds = (performance.now() - startMs) / 1000
    await done
    const seconds = (performance.now() - startMs) / 1000
    const figures = figuresOf({
      messages: jobs,
      messageBytes,
      seconds,
      latencyNanos,
      cpuSeconds: cpu.seconds(),
    })
    return { ...figures, publishedPerSecond: jobs / pushSeconds }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function startShmwire(folder) {
  const child = await startSide(folder, 'shmwire', 'queue', {
    address: 'jobs',
    store: join(folder, 'jobs.sqlite'),
  })
  return {
    address: 'jobs',
    pid: child.pid,
    stop: () =>
      new Promise((resolve) => {
        child.once('close', resolve)
        child.kill('SIGKILL')
      }),
  }
}

async function startSide(folder, library, role, options) {
  const child = fork(SIDE, [library, role, JSON.stringify(options)], {
    env: { ...process.env, SHMWIRE_DIR: join(folder, 'run') },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await message(child, 'ready')
  return child
}

function message(child, type) {
  return new Promise((resolve, reject) => {
    child.on('message', (received) => {
      if (received.type === type) resolve(received)
    })
    child.once('close', () => reject(new Error(`a side ended before it was ${type}`)))
  })
}

/** Resolves when the workers together have finished all jobs. */
function allDone(workers, jobs) {
  return new Promise((resolve) => {
    let done = 0
    for (const worker of workers)
      worker.on('message', ({ type, count }) => {
        if (type !== 'done') return
        done += count
        if (done >= jobs) resolve()
      })
  })
}
