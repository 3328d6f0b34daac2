// Checks whether a change made messages of 64 bytes slower: node bench/micro/compare-builds.mjs BEFORE AFTER
// Each argument is a folder with a built package. A process loads both builds and sends through them in turn, so that
// other load on the machine slows both. The build that is loaded second is slower, so the processes
// alternate the order. Prints time per message AFTER / BEFORE, with a 95 % interval over the pairs of processes.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const PAIRS = 20
const ROUNDS = 100
const WARM_UP_ROUNDS = 20
const MESSAGE = Buffer.alloc(64)
/** Messages before the sender lets the event loop turn. */
const BURST = 256
const WAYS = { 'one way': { run: oneWay, count: 40_000 }, 'round trip': { run: roundTrips, count: 4_000 } }

const [first, second, way] = process.argv.slice(2)
if (second === undefined) {
  console.error('usage: node bench/micro/compare-builds.mjs BEFORE AFTER')
  process.exitCode = 2
} else if (way === undefined) compare(resolve(first), resolve(second))
else {
  console.log(await ratioOf(first, second, WAYS[way]))
  process.exit()
}

function compare(before, after) {
  for (const name of Object.keys(WAYS)) {
    const ratios = Array.from({ length: PAIRS }, () =>
      Math.sqrt(inProcess(before, after, name) / inProcess(after, before, name)),
    )
    const medians = Array.from({ length: 4_000 }, () => median(ratios.map(() => pick(ratios)))).toSorted(
      byValue,
    )
    const [low, high] = [medians[100], medians[3_900]].map((value) => value.toFixed(3))
    console.log(`${name}: ${median(ratios).toFixed(3)} (${low} to ${high}), ${PAIRS} pairs`)
  }
}

function inProcess(one, other, name) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), one, other, name],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
  return Number(stdout)
}

/** The time of the build `two` divided by that of `one`. */
async function ratioOf(one, two, { run, count }) {
  const builds = [await openPair(one), await openPair(two)]
  const ratios = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const times = []
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const startMs = performance.now()
      await run(builds[index], count)
      times[index] = performance.now() - startMs
    }
    if (round >= 0) ratios.push(times[1] / times[0])
  }
  return median(ratios)
}

/** Both ends of a channel, with replaceable listeners. */
async function openPair(folder) {
  const { connect, listen } = await import(pathToFileURL(join(folder, 'dist/index.js')).href)
  const address = `unix:${join(mkdtempSync(join(tmpdir(), 'shmwire-compare-')), 'socket')}`
  const server = await listen(address, { codec: 'bytes' })
  const accepted = new Promise((accept) => server.once('channel', accept))
  const near = { channel: await connect(address, { codec: 'bytes' }), onMessage: () => {} }
  const far = { channel: await accepted, onMessage: () => {} }
  for (const end of [near, far]) end.channel.on('message', (message) => end.onMessage(message))
  return { near, far }
}

function oneWay({ near, far }, count) {
  return new Promise((settle) => {
    let received = 0
    far.onMessage = () => {
      received += 1
      if (received === count) settle()
    }
    let sent = 0
    const send = () => {
      for (const end = Math.min(sent + BURST, count); sent < end; sent += 1)
        if (!near.channel.trySend(MESSAGE)) return near.channel.once('drain', send)
      if (sent < count) setImmediate(send)
    }
    send()
  })
}

function roundTrips({ near, far }, count) {
  return new Promise((settle) => {
    let left = count
    far.onMessage = (message) => far.channel.trySend(message)
    near.onMessage = () => {
      left -= 1
      if (left === 0) settle()
      else near.channel.trySend(MESSAGE)
    }
    near.channel.trySend(MESSAGE)
  })
}

function pick(values) {
  return values[Math.floor(Math.random() * values.length)]
}

function median(values) {
  const sorted = values.toSorted(byValue)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

function byValue(one, other) {
  return one - other
}
