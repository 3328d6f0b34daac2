// Compares the socket link of two builds, or of a build and `node:net`: node bench/micro/compare-links.mjs BEFORE AFTER [CASE ...]
// BEFORE and AFTER are folders with a built package, or `net`: sockets with batched writes. Each process holds both, with
// both ends, and sends through them in turn, so that other load on the machine slows both. Prints the CPU time per message of AFTER and the
// ratio AFTER / BEFORE: the median over the rounds of all processes, and the middle half of them.
import { spawnSync } from 'node:child_process'
import { mkdtempSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { BatchedStreamConnection } from '../support/batched-stream.mjs'

const PROCESSES = 4
const ROUNDS = 40
const WARM_UP_ROUNDS = 15
/** Messages before the sender lets the event loop turn. */
const BURST_BYTES = 512 * 1024

const oneWay = (messageBytes, count) => ({ run: sendOneWay, messageBytes, count, pairs: 1 })
const roundTrips = (pairs, count) => ({ run: pingPong, messageBytes: 64, count, pairs })
const CASES = {
  'round-trip': roundTrips(1, 2_000),
  'many-100': roundTrips(100, 5_000),
  '64B': oneWay(64, 40_000),
  '1KiB': oneWay(1024, 10_000),
  '64KiB': oneWay(64 * 1024, 500),
  '1MiB': oneWay(1024 * 1024, 40),
  '16MiB': oneWay(16 * 1024 * 1024, 3),
}

class ChannelEnd {
  onMessage = () => {}
  onDrain = () => {}
  #channel

  constructor(channel) {
    this.#channel = channel
    channel.on('message', (message) => this.onMessage(message))
    channel.on('drain', () => this.onDrain())
  }

  trySend(message) {
    return this.#channel.trySend(message)
  }
}

const [before, after, ...names] = process.argv.slice(2)
if (after === undefined) {
  console.error(`usage: node bench/micro/compare-links.mjs BEFORE AFTER [${Object.keys(CASES).join(' | ')}]`)
  process.exitCode = 2
} else if (process.env.COMPARE_CASE === undefined) compare(names.length > 0 ? names : Object.keys(CASES))
else {
  console.log(JSON.stringify(await roundsOf(CASES[process.env.COMPARE_CASE])))
  process.exit()
}

function compare(cases) {
  for (const name of cases) {
    const rounds = []
    for (let count = 0; count < PROCESSES; count += 1) {
      // The build that is loaded second is slower.
      const order = count % 2 === 0 ? [before, after] : [after, before]
      for (const times of inProcess(name, order)) rounds.push(count % 2 === 0 ? times : times.toReversed())
    }
    const ratios = rounds.map(([one, other]) => other / one)
    const micros =
      quantile(
        rounds.map(([, time]) => time),
        0.5,
      ) / CASES[name].count
    const [low, middle, high] = [0.25, 0.5, 0.75].map((part) => quantile(ratios, part).toFixed(3))
    console.log(`${name}: ${micros.toPrecision(3)} µs per message, ${middle} (${low} to ${high})`)
  }
}

function inProcess(name, folders) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(import.meta.url), ...folders],
    {
      encoding: 'utf8',
      env: { ...process.env, COMPARE_CASE: name },
    },
  )
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

/** The CPU time of each round, in microseconds: of `before`, of `after`. */
async function roundsOf({ run, messageBytes, count, pairs }) {
  const sides = [await openPairs(before, pairs), await openPairs(after, pairs)]
  const message = Buffer.alloc(messageBytes)
  const rounds = []
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round += 1) {
    const times = []
    for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
      const begin = process.cpuUsage()
      await run(sides[index], message, count)
      const { user, system } = process.cpuUsage(begin)
      times[index] = user + system
    }
    if (round >= 0) rounds.push(times)
  }
  return rounds
}

async function openPairs(place, count) {
  const path = join(mkdtempSync(join(tmpdir(), 'shmwire-compare-')), 'socket')
  const open = place === 'net' ? openSockets : openChannels
  const pairs = []
  const connect = await open(place, path)
  while (pairs.length < count) pairs.push(await connect())
  return pairs
}

function openSockets(_place, path) {
  const connectionOf = (socket) => new BatchedStreamConnection(socket, 'unix')
  return nextPairs(
    (accept) => createServer((socket) => accept(connectionOf(socket))).listen(path),
    () => connectionOf(createConnection(path)),
  )
}

async function openChannels(folder, path) {
  const { connect, listen } = await import(pathToFileURL(join(resolve(folder), 'dist/index.js')).href)
  const options = { codec: 'bytes', transport: 'socket' }
  const server = await listen(`unix:${path}`, options)
  return nextPairs(
    (accept) => server.on('channel', (channel) => accept(new ChannelEnd(channel))),
    async () => new ChannelEnd(await connect(`unix:${path}`, options)),
  )
}

function nextPairs(onAccept, connect) {
  const accepted = []
  const waiting = []
  onAccept((far) => (waiting.length > 0 ? waiting.shift()(far) : accepted.push(far)))
  return async () => {
    const near = await connect()
    const far = accepted.shift() ?? (await new Promise((settle) => waiting.push(settle)))
    return { near, far }
  }
}

function sendOneWay([{ near, far }], message, count) {
  const burst = Math.max(1, Math.floor(BURST_BYTES / message.length))
  return new Promise((settle) => {
    let received = 0
    far.onMessage = () => {
      received += 1
      if (received === count) settle()
    }
    let sent = 0
    const send = () => {
      near.onDrain = () => {}
      for (const end = Math.min(sent + burst, count); sent < end; sent += 1)
        if (!near.trySend(message)) {
          near.onDrain = send
          return
        }
      if (sent < count) setImmediate(send)
    }
    send()
  })
}

async function pingPong(pairs, message, count) {
  const each = Math.ceil(count / pairs.length)
  await Promise.all(pairs.map(({ near, far }) => pingPongOne(near, far, message, each)))
}

function pingPongOne(near, far, message, count) {
  return new Promise((settle) => {
    let left = count
    far.onMessage = (received) => far.trySend(received)
    near.onMessage = () => {
      left -= 1
      if (left === 0) settle()
      else near.trySend(message)
    }
    near.trySend(message)
  })
}

function quantile(values, part) {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.round((sorted.length - 1) * part)]
}
