// A queue with two workers against PUSH and PULL of zeromq.js whose workers acknowledge each job: jobs that are done in a second.
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue } from '../../dist/index.js'
import { loadPackage } from '../support/packages.mjs'
import { cpuOf, newName, startRole, stop } from './processes.mjs'

const WORKERS = 2
/** Jobs that are pushed and not done. */
const WINDOW = 1_000
const JOB_BYTES = 64

export const queueRow = {
  name: 'queue, two workers, acknowledged, 64 B',
  setups: { zeromq, shmwire },
  figures: [
    { label: 'jobs', key: 'jobs', unit: 'a second', ratio: ['shmwire', 'zeromq'] },
    { label: 'CPU of all processes', key: 'cpu', unit: 'µs a job', digits: 2 },
  ],
}

async function shmwire(seconds) {
  const name = newName()
  const queue = await createQueue(name, { codec: 'bytes' })
  const workers = await start('worker', name)
  try {
    const job = Buffer.alloc(JOB_BYTES, 1)
    // A request over the queue would also carry a result. Here, the figures of the queue say how many are done.
    return await measure(workers, seconds, {
      push: () => queue.push(job),
      done: async () => (await queue.stats()).completed,
    })
  } finally {
    await stop(workers)
    await queue.close({ timeoutMs: 1_000 }).catch(() => {})
  }
}

async function zeromq(seconds) {
  const { Push, Pull } = loadPackage('zeromq')
  const jobs = join(tmpdir(), newName())
  const acknowledgements = join(tmpdir(), newName())
  const push = new Push({ sendHighWaterMark: WINDOW, linger: 0 })
  const pull = new Pull({ receiveHighWaterMark: 0 })
  await push.bind(`ipc://${jobs}`)
  await pull.bind(`ipc://${acknowledgements}`)
  const workers = await start('zeromqWorker', jobs, acknowledgements)
  // Jobs that are pushed and not done, by their number.
  const open = new Set()
  let done = 0
  void receive()
  async function receive() {
    try {
      for await (const [id] of pull) if (open.delete(id.readUInt32LE())) done += 1
    } catch (error) {
      // A socket that closes can end the loop with an error.
      if (!pull.closed) throw error
    }
  }
  try {
    let next = 0
    return await measure(workers, seconds, {
      push: async () => {
        const job = Buffer.alloc(JOB_BYTES, 1)
        next += 1
        job.writeUInt32LE(next)
        open.add(next)
        await push.send(job)
      },
      done: async () => done,
      serial: true,
    })
  } finally {
    await stop(workers)
    push.close()
    pull.close()
    for (const path of [jobs, acknowledgements]) rmSync(path, { force: true })
  }
}

function start(role, ...args) {
  return Promise.all(Array.from({ length: WORKERS }, () => startRole(role, ...args)))
}

/** Keeps at most WINDOW jobs open. `serial`: only one push at a time is allowed. */
async function measure(workers, seconds, { push, done, serial = false }) {
  const before = await done()
  const cpuBefore = cpuOf(workers)
  const beganAt = performance.now()
  let pushed = 0
  while (performance.now() - beganAt < seconds * 1000) {
    const room = WINDOW - (pushed - ((await done()) - before))
    if (serial) for (let n = 0; n < room; n += 1) await push()
    else await Promise.all(Array.from({ length: room }, push))
    pushed += room
    await new Promise((resolve) => setImmediate(resolve))
  }
  const jobs = (await done()) - before
  const elapsed = (performance.now() - beganAt) / 1000
  return { jobs: jobs / elapsed, cpu: (cpuOf(workers) - cpuBefore) / jobs }
}
