// Background work: one process holds a queue, two others run its jobs. One of them crashes, and loses no job.
//
//   node examples/jobs/main.mjs [JOBS]
import { fork } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue } from 'shmwire'

const count = Number(process.argv[2] ?? 40)
const address = `jobs-${process.pid}`
const folder = mkdtempSync(join(tmpdir(), 'jobs-'))

// In a file, so that the jobs survive this process, too.
const queue = await createQueue(address, { store: join(folder, 'jobs.sqlite'), attempts: 3 })
const start = () => fork(new URL('worker.mjs', import.meta.url), [address])
let workers = [start(), start()]

// Resolves when the jobs are on the disk. A job with the same id is pushed once.
const pushed = await Promise.all(
  Array.from({ length: count }, (_, n) => queue.push({ n, crash: n === 7 }, { id: `image-${n}` })),
)
console.log(`pushed ${pushed.length} jobs`)

// The reply is what the handler returns.
console.log(`a request over the queue: ${await queue.request({ n: 1_000 })}`)

for (let left = count; left > 0; ) {
  const { waiting, delayed, leased, dead, redelivered } = await queue.stats()
  left = waiting + delayed + leased
  if (left === 0) console.log(`done: ${dead} dead, ${redelivered} run again`)
  // A worker that ended is replaced.
  workers = workers.map((worker) => (worker.exitCode === null ? worker : start()))
  await new Promise((resolve) => setTimeout(resolve, 50))
}
for (const { job, reason } of await queue.deadJobs()) console.log(`job ${job.n} is dead: ${reason}`)

for (const worker of workers) worker.kill()
await queue.close()
rmSync(folder, { recursive: true })
