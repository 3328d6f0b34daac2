// shmwire at work: sends a file to a second process, then measures. Takes about 15 seconds.
//
//   npm run demo [-- FILE]      FILE has at least 50 MB; default: the program of Node itself
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describeMachine } from '../../bench/support/machine.mjs'
import { digits, showBytes } from '../../bench/support/units.mjs'
import { connect, ShmwireError } from '../../dist/index.js'
import { printMeasure } from './chart.mjs'
import { messageSizes, SEED } from './file-plan.mjs'
import { measureAll } from './measure.mjs'
import { bold, dim, green, isTerminal, Progress, paragraph, print, red } from './screen.mjs'

const FILE_BYTES_MIN = 50_000_000
/** The file is read in pieces of at least so many bytes. */
const PIECE_BYTES = 8 * 1024 * 1024
const RING_BYTES = 1024 * 1024
const READY_MS = 15_000
const ENDING_MS = 1000

/** Something that the user can put right: told without a stack. */
class DemoError extends Error {}

const folder = mkdtempSync(join(tmpdir(), 'shmwire-demo-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1))

try {
  await run()
} catch (error) {
  new Progress().clear()
  const isKnown = error instanceof DemoError || error instanceof ShmwireError
  console.error(`\n${red('The demo failed:')} ${isKnown ? error.message : error.stack}`)
  process.exitCode = 1
}

async function run() {
  const file = await chooseFile(process.argv[2])
  printHeading()
  const child = await startOtherSide()
  try {
    const channel = await connect(`unix:${join(folder, 'file')}`, { codec: 'bytes' })
    const ask = async (question, rest) => {
      const reply = await channel.request(Buffer.from(JSON.stringify({ ask: question, ...rest })))
      return JSON.parse(reply.toString())
    }
    await sendFile(file, channel, ask)
    await compare(channel, ask)
    await channel.close()
    const fault = await child.fault()
    if (fault !== undefined) throw new DemoError(fault)
  } catch (error) {
    // What the end of the other side brings about here is not the cause.
    const fault = await child.fault()
    throw fault === undefined ? error : new DemoError(fault, { cause: error })
  } finally {
    child.kill()
  }
  print()
}

/** Where there is a path, that; else the largest part of this very program that is large enough. */
async function chooseFile(path) {
  const candidates = path === undefined ? [process.execPath, ...sharedObjects()] : [resolve(path)]
  let fault
  for (const candidate of candidates) {
    const found = await stat(candidate).catch((error) => error)
    if (found instanceof Error) fault ??= `${candidate} cannot be read (${found.code ?? found.message})`
    else if (!found.isFile()) fault ??= `${candidate} is not a file`
    else if (found.size < FILE_BYTES_MIN) fault ??= `${candidate} has ${showBytes(found.size)} only`
    else return { path: candidate, bytes: found.size, handle: await openFile(candidate) }
  }
  const example = 'npm run demo -- path/to/file'
  throw new DemoError(`${fault}. It takes a file of at least ${showBytes(FILE_BYTES_MIN)}: ${example}`)
}

async function openFile(path) {
  try {
    return await open(path)
  } catch (error) {
    throw new DemoError(
      `${path} cannot be read (${error.code}). Name another file: npm run demo -- path/to/file`,
    )
  }
}

/** Some distributions put all of Node into a library. */
function sharedObjects() {
  process.report.excludeNetwork = true
  return process.report.getReport().sharedObjects ?? []
}

function printHeading() {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
  const { cpu, cores, kernel, architecture, node } = describeMachine()
  print()
  const title = `shmwire ${version}`
  print(paragraph(`${title}: messages between two processes of this machine`).replace(title, bold(title)))
  print(dim(paragraph(`${cpu}, ${cores} cores · ${kernel.split('-')[0]} ${architecture} · Node ${node}`)))
}

/** Starts the second process; resolves when it listens. */
async function startOtherSide() {
  const script = fileURLToPath(new URL('other-side.mjs', import.meta.url))
  const child = spawn(process.execPath, [script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  process.on('exit', () => child.kill('SIGKILL'))
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const first = await Promise.race([once(child.stdout, 'data'), ended])
  clearTimeout(timer)
  if (!Buffer.isBuffer(first[0])) throw new DemoError('the second process did not start')
  return {
    kill: () => child.kill('SIGKILL'),
    /** How it has ended, or ends within a moment, if not well. */
    async fault() {
      await Promise.race([ended, sleep(ENDING_MS, undefined, { ref: false })])
      const how = child.signalCode ?? (child.exitCode ? `exit code ${child.exitCode}` : undefined)
      return how === undefined ? undefined : `the second process ended with ${how}`
    },
  }
}

async function sendFile({ path, bytes, handle }, channel, ask) {
  const progress = new Progress()
  print()
  print(bold('  1  A file goes to a second process'))
  print(paragraph(transportSentence(channel), '     '))
  await ask('file', { bytes })
  if (!isTerminal) print(`     sending ${basename(path)}, ${showBytes(bytes)} …`)

  const hash = createHash('sha256')
  const beginMs = performance.now()
  let sentBytes = 0
  const sent = { messages: 0, aboveRing: 0, largest: 0 }
  for await (const message of messagesOf(handle, bytes)) {
    hash.update(message)
    await channel.send(message)
    sentBytes += message.length
    sent.messages += 1
    sent.largest = Math.max(sent.largest, message.length)
    if (message.length > RING_BYTES) sent.aboveRing += 1
    progress.show(sentBytes / bytes, `${showBytes(sentBytes)} of ${showBytes(bytes)}`)
  }
  const theirs = await ask('digest')
  const seconds = (performance.now() - beginMs) / 1000
  await handle.close()
  progress.clear()

  const ours = hash.digest('hex')
  print(
    paragraph(
      `${basename(path)}: ${showBytes(bytes)} in ${digits(seconds)} s, ${showBytes(bytes / seconds)}/s, with reading it here and SHA-256 on both sides`,
      '     ',
    ),
  )
  print(
    paragraph(
      `${sent.messages} messages from 1 byte to ${showBytes(sent.largest)} (seed ${SEED}), ${sent.aboveRing} of them larger than the ring`,
      '     ',
    ),
  )
  if (theirs.sha256 !== ours || theirs.messages !== sent.messages || theirs.faults > 0) {
    throw new DemoError(
      `what arrived is not what was sent: ${theirs.messages} of ${sent.messages} messages, ${theirs.faults} of a wrong length, SHA-256 ${theirs.sha256} instead of ${ours}`,
    )
  }
  print(`     ${green('✓')} all in order, the same SHA-256: ${ours.slice(0, 12)}…`)
}

function transportSentence({ transport, fallbackReason }) {
  if (transport === 'shm') return 'through shared memory'
  return `through a Unix socket, because shared memory cannot be had here: ${fallbackReason}`
}

/** The file as messages. Their memory is used again as soon as the next one is asked for. */
async function* messagesOf(handle, fileBytes) {
  let sizes = []
  let pieceBytes = 0
  let readBytes = 0
  for (const size of messageSizes(fileBytes)) {
    sizes.push(size)
    pieceBytes += size
    readBytes += size
    if (pieceBytes < PIECE_BYTES && readBytes < fileBytes) continue
    const piece = await readWhole(handle, pieceBytes)
    let at = 0
    for (const bytes of sizes) {
      yield piece.subarray(at, at + bytes)
      at += bytes
    }
    sizes = []
    pieceBytes = 0
  }
}

async function readWhole(handle, bytes) {
  const piece = Buffer.allocUnsafeSlow(bytes)
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(piece, at)
    if (bytesRead === 0) throw new DemoError('the file became shorter while it was read')
    at += bytesRead
  }
  return piece
}

async function compare(channel, ask) {
  const progress = new Progress()
  const hasSharedMemory = channel.transport === 'shm'
  print()
  print(bold('  2  The same two processes, measured'))
  if (!hasSharedMemory) print(paragraph('Without shared memory, for the reason above.', '     '))
  if (!isTerminal) print('     measuring, about 13 seconds …')
  const measures = await measureAll({
    folder,
    hasSharedMemory,
    ask,
    onProgress: (part, text) => progress.show(part, text),
  })
  progress.clear()
  for (const measure of measures) printMeasure(measure)
  print()
  for (const note of notesOf(measures, hasSharedMemory)) print(dim(paragraph(note)))
}

/** What the figures do not say of themselves. */
function notesOf(measures, hasSharedMemory) {
  const [roundTrip] = measures
  const cpu = roundTrip.rows.map(
    ({ label, cpuSecondsPerMillion }) => `${label} ${digits(cpuSecondsPerMillion)} s`,
  )
  const spins = 'Before it sleeps, a channel on shared memory looks for new messages for up to 100 µs.'
  return [
    'The middle of 3 rounds, in turn, with the range of all three. Round trips and requests one at a time, medians, event loops on both sides. Net socket: node:net on a Unix socket, a length before each message, one write for each. Who joins the messages of a turn into one write by hand sends small ones one way about as fast as through shared memory.',
    `CPU time of both processes for a million round trips: ${cpu.join(', ')}.${hasSharedMemory ? ` ${spins}` : ''}`,
    'Other programs on this machine move these figures; npm run bench measures longer, in fresh processes.',
  ]
}
