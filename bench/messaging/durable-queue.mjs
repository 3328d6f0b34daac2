// Measures durable queues: a producer, two workers, and the process with the jobs, each of them a process of its own. A push resolves when the
// disk has the job, and a finished job does not run again. The competitor is BullMQ on a redis-server with `appendfsync always`.
// Both keep their files in the same folder. The setups run in turn, in pairs, each with new files.
//   node bench/messaging/durable-queue.mjs [--pairs 5] [--jobs 20000] [--in-flight 1000] [--bytes 100] [--folder DIR] [--json FILE]
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { describeMachine } from '../support/machine.mjs'
import { installPackages } from '../support/packages.mjs'
import { startRedis } from './redis-server.mjs'

const SIDE = fileURLToPath(new URL('queue-side.mjs', import.meta.url))
const WORKERS = 2

const { values } = parseArgs({
  options: {
    pairs: { type: 'string', default: '5' },
    jobs: { type: 'string', default: '20000' },
    'in-flight': { type: 'string', default: '1000' },
    bytes: { type: 'string', default: '100' },
    folder: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
})
const load = { jobs: Number(values.jobs), inFlight: Number(values['in-flight']), bytes: Number(values.bytes) }

/** Each has the process with the jobs, and the sides for queue-side.mjs. */
const SETUPS = [
  { name: 'shmwire, store', library: 'shmwire', start: startShmwire },
  { name: 'BullMQ, add', library: 'bullmq', start: startRedis },
  { name: 'BullMQ, addBulk of 100', library: 'bullmq', bulk: 100, start: startRedis },
]

const fault = installPackages()
if (fault !== undefined) throw new Error(`the packages of the competitors cannot be installed: ${fault}`)
const machine = describeMachine(process.execPath)
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.kernel}, Node ${machine.node}`)
console.log(JSON.stringify(load))
const samples = new Map(SETUPS.map(({ name }) => [name, []]))
for (let pair = 0; pair < Number(values.pairs); pair += 1)
  for (const setup of SETUPS) samples.get(setup.name).push(await measure(setup))
const results = SETUPS.map(({ name }) => ({ name, samples: samples.get(name) }))
for (const result of results) console.log(report(result))
const [own, ...others] = results.map((result) =>
  median(result.samples.map(({ jobsPerSecond }) => jobsPerSecond)),
)
console.log(`against the best of the others: ${(own / Math.max(...others)).toFixed(2)}×`)
if (values.json !== undefined)
  writeFileSync(values.json, `${JSON.stringify({ machine, load, results }, null, 2)}\n`)

/** One run with new files, from the first push to the end of the last job. */
async function measure({ name, library, bulk, start }) {
  const folder = mkdtempSync(join(values.folder, 'shmwire-queue-'))
  mkdirSync(join(folder, 'run'), { mode: 0o700 })
  const server = await start(folder)
  const options = { ...load, bulk, address: server.address, workers: WORKERS }
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
    const before = [server, ...children].map(({ pid }) => cpuMicrosOf(pid))
    const startMs = performance.now()
    const pushed = message(producer, 'pushed')
    const done = allDone(workers)
    producer.send({ type: 'start' })
    const { p50Ms, p99Ms } = await pushed
    const pushSeconds = (performance.now() - startMs) / 1000
    await done
    const seconds = (performance.now() - startMs) / 1000
    const cpuMicros = [server, ...children].map(
      ({ pid }, index) => (cpuMicrosOf(pid) - before[index]) / load.jobs,
    )
    const [jobsPerSecond, pushesPerSecond] = [seconds, pushSeconds].map((one) => load.jobs / one)
    const sample = { jobsPerSecond, pushesPerSecond, p50Ms, p99Ms, cpuMicros }
    console.log(`  ${name}: ${JSON.stringify(sample)}`)
    return sample
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
function allDone(workers) {
  return new Promise((resolve) => {
    let done = 0
    for (const worker of workers)
      worker.on('message', ({ type, count }) => {
        if (type !== 'done') return
        done += count
        if (done >= load.jobs) resolve()
      })
  })
}

/** The time of all threads on a core. */
function cpuMicrosOf(pid) {
  const tasks = `/proc/${pid}/task`
  return readdirSync(tasks)
    .map((task) => Number(readFileSync(join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]) / 1000)
    .reduce((sum, one) => sum + one, 0)
}

function report({ name, samples: all }) {
  const of = (key, digits = 0) => median(all.map((sample) => sample[key])).toFixed(digits)
  const sums = all.map(({ cpuMicros }) => cpuMicros.reduce((sum, one) => sum + one, 0))
  const cpu = median(sums).toFixed(0)
  return `${name}: ${of('jobsPerSecond')} jobs/s; push ${of('pushesPerSecond')}/s, median ${of('p50Ms', 1)} ms, p99 ${of('p99Ms', 1)} ms; CPU ${cpu} µs/job`
}

function median(numbers) {
  const sorted = numbers.toSorted((left, right) => left - right)
  return sorted[Math.floor(sorted.length / 2)]
}
