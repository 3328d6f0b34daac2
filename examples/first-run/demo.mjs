// Sends a file to a second process through shared memory, then compares shmwire with plain sockets. Takes 15 seconds.
//
//   npm run demo [-- FILE]      without FILE it sends the program of Node.js itself
import { fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clearLine, cursorTo } from 'node:readline'
import { styleText } from 'node:util'
import { listen } from 'shmwire'
import { describeMachine } from '../../bench/support/machine.mjs'
import { digits, showBytes } from '../../bench/support/units.mjs'
import { measureAll, printMeasure } from './figures.mjs'

const KIB = 1024
const RING_BYTES = 1024 * KIB
/** The file goes in messages of these sizes, over and over. The last two are longer than the ring. */
const MESSAGE_BYTES = [1, 64, KIB, 64 * KIB, RING_BYTES, RING_BYTES + 1, 4 * RING_BYTES]

const { stdout } = process
const folder = mkdtempSync(join(tmpdir(), 'shmwire-demo-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))
try {
  await run(process.argv[2] ?? largestPartOfNode())
} catch (error) {
  fail(error)
}

function fail(error) {
  progress()
  console.error(`\n${styleText('red', 'The demo failed:')} ${error.stack}`)
  process.exit(1)
}

async function run(path) {
  const { cpu, cores, kernel, architecture, node } = describeMachine()
  console.log(`\n${styleText('bold', 'shmwire: messages between processes of one machine')}`)
  console.log(`${cpu}, ${cores} cores\n${kernel} ${architecture}, Node.js ${node}`)

  const server = await listen(`unix:${join(folder, 'demo')}`, { ringBytes: RING_BYTES })
  const child = fork(new URL('other-side.mjs', import.meta.url), [server.address])
  const ended = new AbortController()
  child.once('exit', (code) => ended.abort(new Error(`the second process ended with exit code ${code}`)))
  const [channel] = await once(server, 'channel', { signal: ended.signal })
  channel.on('error', fail)

  console.log(`\n${styleText('bold', '1. A file goes to a second process')}`)
  const isShared = channel.transport === 'shm'
  console.log(`   through ${isShared ? 'shared memory' : `a Unix socket: ${channel.fallbackReason}`}`)
  await sendFile(path, channel)

  console.log(`\n${styleText('bold', '2. The same two processes, measured')}`)
  const measures = await measureAll({
    pathOf: (name) => join(folder, name),
    transport: channel.transport,
    serve: (tasks) => channel.request({ tasks }),
    progress,
  })
  progress()
  for (const measure of measures) printMeasure(measure)
  printNotes(measures[0].rows)
  await server.close()
}

/** Some distributions put all of Node.js into a library. */
function largestPartOfNode() {
  process.report.excludeNetwork = true
  const bytesOf = (path) => statSync(path, { throwIfNoEntry: false })?.size ?? 0
  const parts = [process.execPath, ...process.report.getReport().sharedObjects]
  return parts.toSorted((a, b) => bytesOf(b) - bytesOf(a))[0]
}

async function sendFile(path, channel) {
  const file = await open(path)
  const { size } = await file.stat()
  const hash = createHash('sha256')
  const buffer = Buffer.alloc(Math.max(...MESSAGE_BYTES))
  let [messages, bytes] = [0, 0]
  const beginMs = performance.now()
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, MESSAGE_BYTES[messages % MESSAGE_BYTES.length])
    if (bytesRead === 0) break
    const message = buffer.subarray(0, bytesRead)
    hash.update(message)
    await channel.send(message)
    messages += 1
    bytes += bytesRead
    progress(`${showBytes(bytes)} of ${showBytes(size)}`)
  }
  const received = await channel.request({})
  const seconds = (performance.now() - beginMs) / 1000
  await file.close()
  progress()

  const sha256 = hash.digest('hex')
  if (received.messages !== messages || received.sha256 !== sha256) {
    throw new Error(`the other side received ${JSON.stringify(received)} instead of ${messages}, ${sha256}`)
  }
  console.log(`   ${path}`)
  const ring = channel.transport === 'shm' ? '; the ring holds 1 MiB' : ''
  console.log(`   ${showBytes(bytes)} in ${messages} messages of 1 B to 4 MiB${ring}`)
  const rate = `${digits(seconds)} s, ${showBytes(bytes / seconds)}/s`
  console.log(`   ${rate}, the reading of the file and SHA-256 on both sides included`)
  console.log(`   ${styleText('green', '✓')} received in order, the same SHA-256: ${sha256.slice(0, 16)}…`)
}

/** The limits of the figures. */
function printNotes([shmwire, socket]) {
  console.log(`
   Medians of 3 rounds, and the range of all 3. Other programs on this machine
   change these figures; npm run bench measures longer, in fresh processes.
   "net" is node:net on a Unix socket. "batched" joins the messages of a turn
   of the event loop in one write: your program must do that itself.
   CPU time of both processes for a round trip: shmwire ${digits(shmwire.cpuMicros)} µs, net ${digits(socket.cpuMicros)} µs.`)
}

/** Replaces the last line on a terminal; prints nothing elsewhere. Without a text it clears the line. */
function progress(text = '') {
  if (!stdout.isTTY) return
  clearLine(stdout, 0)
  cursorTo(stdout, 0)
  stdout.write(text === '' ? '' : `   ${text}`)
}
