// A process with a stored queue, which pushes jobs and works on most of them, until it is killed:
//   node stored-queue.mjs FOLDER SEED [drain]
// Marks in a file which pushes have begun and were acknowledged, and which jobs ran. Each line of stdin is the id of a job that an earlier process
// may have pushed; it is pushed again. With `drain`, it pushes no jobs of its own, runs all that are there, and ends.
import { openSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createInterface } from 'node:readline'
import { createQueue } from '../../../../build/modules/messaging/queue/create-queue.js'
import { work } from '../../../../build/modules/messaging/queue/work.js'
import { randomBits } from '../soak/pattern.mjs'

const LANES = 5
const HOUR_MS = 3_600_000
const DRAINED_MS = 20

const [folder, seed, drain] = process.argv.slice(2)
const marks = openSync(join(folder, 'marks'), 'a')
const bits = randomBits(Number(seed))
const mark = (type, id, rest = {}) => writeSync(marks, `${JSON.stringify({ type, id, ...rest })}\n`)

// Windows has no sockets in folders.
const address = process.platform === 'win32' ? basename(folder) : `unix:${join(folder, 'socket')}`
const queue = await createQueue(address, {
  store: join(folder, 'jobs.sqlite'),
  dedupWindowMs: HOUR_MS,
  attempts: 1000,
  backOff: { minMs: 1, maxMs: 2 },
})
const again = []
for await (const id of createInterface({ input: process.stdin })) again.push(id)
process.stdout.write('ready\n')
await work(queue.address, run, { concurrency: 3 })
await Promise.all(again.map(push))
if (drain === undefined) await Promise.all(Array.from({ length: LANES }, (_, lane) => pushFor(lane)))
await drained()
process.stdout.write('drained\n')
process.exit()

function run({ id }) {
  mark('ran', id)
  if (drain === undefined && bits() % 10 === 0) throw new Error('it failed')
}

async function pushFor(lane) {
  for (let number = 0; ; number += 1) await push(`${process.pid}-${lane}-${number}`)
}

async function push(id) {
  mark('begun', id)
  // Some wait, so that the next process finds them.
  const delayMs = drain === undefined && bits() % 3 === 0 ? bits() % 2000 : 0
  const { duplicate } = await queue.push({ id, text: 'x'.repeat(bits() % 3000) }, { id, delayMs })
  mark('pushed', id, { duplicate })
}

async function drained() {
  for (;;) {
    const { waiting, delayed, leased } = await queue.stats()
    if (waiting + delayed + leased === 0) return
    await new Promise((resolve) => setTimeout(resolve, DRAINED_MS))
  }
}
