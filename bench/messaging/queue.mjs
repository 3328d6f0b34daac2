import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue } from '../../dist/index.js'
import { CpuOfProcesses } from '../support/cpu-time.mjs'
import { figuresOf } from '../support/figures.mjs'
import { loadPackage } from '../support/packages.mjs'
import { newName, startRole, stop, turn } from './processes.mjs'

export const WORKERS = 2
/** Jobs that are pushed and not done. */
const WINDOW = 1_000

/** A queue of shmwire. */
export async function overQueue(options) {
  const name = newName()
  const queue = await createQueue(name, { codec: 'bytes' })
  const workers = await start('worker', name)
  try {
    const job = Buffer.alloc(options.messageBytes, 1)
    // A request over the queue would also carry a result. Here, the figures of the queue say how many are done.
    return await measure(workers, options, {
      push: () => queue.push(job),
      done: async () => (await queue.stats()).completed,
    })
  } finally {
    await stop(workers)
    await queue.close({ timeoutMs: 1_000 })
  }
}

/** PUSH and PULL of zeromq.js, whose workers acknowledge each job. */
export async function overZeromq(options) {
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
    return await measure(workers, options, {
      push: async () => {
        const job = Buffer.alloc(options.messageBytes, 1)
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
async function measure(workers, { messageBytes, warmUpMs, durationMs }, { push, done, serial = false }) {
  let pushed = 0
  const pushFor = async (lengthMs) => {
    const endsAt = performance.now() + lengthMs
    while (performance.now() < endsAt) {
      const room = WINDOW - (pushed - (await done()))
      if (serial) for (let n = 0; n < room; n += 1) await push()
      else await Promise.all(Array.from({ length: room }, push))
      pushed += room
      await turn()
    }
  }
  await pushFor(warmUpMs)
  const before = await done()
  const cpu = new CpuOfProcesses(workers.map(({ pid }) => pid))
  const beganAt = performance.now()
  await pushFor(durationMs)
  const messages = (await done()) - before
  const seconds = (performance.now() - beganAt) / 1000
  return figuresOf({ messages, messageBytes, seconds, cpuSeconds: cpu.seconds() })
}
