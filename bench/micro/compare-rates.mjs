// Compares answers at a fixed rate: node bench/micro/compare-rates.mjs BEFORE AFTER [RATE [SECONDS]]
// BEFORE and AFTER are folders with a built package. Two processes load both builds, and open a channel of each and a
// socket with a write per message. These take turns in short blocks, so that other load on the machine slows all. Times
// count from when a message was due. Prints the ratio of the 99th percentile of all blocks to that of the socket, with a
// 90 % interval over the blocks.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { baseline as socketBaseline } from '../baselines/unix-socket-plain.mjs'

const MESSAGE = Buffer.alloc(64)
const MESSAGES_PER_BLOCK = 2_000
const BLOCK_MS_MAX = 500
/** Sent before each block, to end the sleep of both sides. */
const WARM_UP_MS = 30
const PAUSE_MS = 5
const LATE_MICROS = 1_000
const SAMPLES = 50

const [role, ...args] = process.argv.slice(2)
if (role === 'server') await serve(args)
else if (args.length === 0) {
  console.error('usage: node bench/micro/compare-rates.mjs BEFORE AFTER [RATE [SECONDS]]')
  process.exitCode = 2
} else await compare(resolve(role), resolve(args[0]), Number(args[1] ?? 10_000), Number(args[2] ?? 60))

async function waysOf(before, after, folder) {
  return [
    { name: 'socket', path: join(folder, 'socket'), ...socketBaseline },
    { name: 'before', path: join(folder, 'before'), ...(await channelsOf(before)) },
    { name: 'after', path: join(folder, 'after'), ...(await channelsOf(after)) },
  ]
}

async function channelsOf(folder) {
  const library = await import(pathToFileURL(join(folder, 'dist/index.js')).href)
  const connectionOf = (channel) => {
    const connection = { onMessage: () => {}, trySend: (message) => channel.trySend(message) }
    channel.on('message', (message) => connection.onMessage(message))
    return connection
  }
  const options = { codec: 'bytes', transport: 'shm' }
  return {
    async listen({ path }, onConnection) {
      const server = await library.listen(`unix:${path}`, options)
      server.on('channel', (channel) => onConnection(connectionOf(channel)))
    },
    connect: async ({ path }) => connectionOf(await library.connect(`unix:${path}`, options)),
  }
}

async function serve([before, after, folder]) {
  for (const way of await waysOf(before, after, folder))
    await way.listen({ path: way.path, options: {} }, (connection) => {
      connection.onMessage = (message) => connection.trySend(message)
    })
  process.on('message', () => process.send(cpuMicros()))
  process.on('disconnect', () => process.exit())
  process.send('ready')
}

async function compare(before, after, rate, seconds) {
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-rates-'))
  const server = fork(fileURLToPath(import.meta.url), ['server', before, after, folder])
  try {
    await once(server, 'message')
    const ways = await waysOf(before, after, folder)
    for (const way of ways) {
      way.connection = await way.connect({ path: way.path, options: {} })
      Object.assign(way, { blocks: [], serverMicros: 0 })
      await requestAtRate(way.connection, rate, 300)
    }
    const endMs = performance.now() + seconds * 1000
    for (let round = 0; performance.now() < endMs; round += 1) {
      const first = round % ways.length
      const order = [...ways.slice(first), ...ways.slice(0, first)]
      for (const way of round % 2 === 0 ? order : order.toReversed()) await measureBlock(way, rate, server)
    }
    for (const way of ways) report(way, ways[0], rate)
  } finally {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
  process.exit()
}

async function measureBlock(way, rate, server) {
  const askCpu = async () => {
    server.send('cpu')
    return (await once(server, 'message'))[0]
  }
  await new Promise((settle) => setTimeout(settle, PAUSE_MS))
  await requestAtRate(way.connection, rate, WARM_UP_MS)
  const begin = await askCpu()
  way.blocks.push(
    await requestAtRate(way.connection, rate, Math.min((MESSAGES_PER_BLOCK * 1000) / rate, BLOCK_MS_MAX)),
  )
  way.serverMicros += (await askCpu()) - begin
}

/** Resolves with the microseconds from when each message was due to the arrival of its echo. */
function requestAtRate(connection, rate, durationMs) {
  return new Promise((settle) => {
    const count = Math.ceil((durationMs * rate) / 1000)
    const beginMs = performance.now()
    const dueMs = (index) => beginMs + (index * 1000) / rate
    const micros = []
    let sent = 0
    connection.onMessage = () => {
      micros.push((performance.now() - dueMs(micros.length)) * 1000)
      if (micros.length === count) settle(micros)
    }
    const tick = () => {
      while (sent < count && dueMs(sent) <= performance.now() && connection.trySend(MESSAGE)) sent += 1
      if (micros.length < count) setImmediate(tick)
    }
    tick()
  })
}

function report({ name, blocks, serverMicros }, reference, rate) {
  const all = blocks.flat()
  const late = (all.filter((micros) => micros > LATE_MICROS).length / all.length) * 100
  const ratios = Array.from({ length: SAMPLES }, () => {
    const picked = blocks.map(() => Math.floor(Math.random() * blocks.length))
    const p99 = (from) =>
      percentile(
        picked.flatMap((index) => from[index]),
        0.99,
      )
    return p99(blocks) / p99(reference.blocks)
  })
  const [low, high] = [0.05, 0.95].map((part) => percentile(ratios, part).toFixed(2))
  const ratio = percentile(all, 0.99) / percentile(reference.blocks.flat(), 0.99)
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((part) => percentile(all, part).toFixed(1))
  console.log(
    `${rate}/s ${name}: p50 ${p50} p99 ${p99} p99.9 ${p999} µs, ${late.toFixed(2)} % later than 1 ms, server's CPU ${(serverMicros / all.length).toFixed(1)} µs; p99 / socket ${ratio.toFixed(2)} (${low} to ${high}), ${blocks.length} blocks`,
  )
}

function percentile(values, part) {
  return Float64Array.from(values).toSorted()[Math.floor((values.length - 1) * part)]
}

function cpuMicros() {
  const { user, system } = process.cpuUsage()
  return user + system
}
