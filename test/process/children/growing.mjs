// One side of a channel that sends messages of random sizes in all ways, so that its ring grows, and checks what arrives.
//   growing.mjs server|client <address> <seed> <JSON: options of the channel, `count` of messages, and `blocking`>
import { readFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { connect, listen } from '../../../dist/index.js'

const [role, address, seedText, json] = process.argv.slice(2)
const { count, blocking = false, ...options } = JSON.parse(json)
const HEADER_BYTES = 12
const random = randomFrom(Number(seedText))
const report = (value) => console.log(JSON.stringify(value))
const account = { received: 0, sent: 0, replies: 0, bytes: 0, fault: undefined, ways: {} }

const channel = role === 'server' ? await accept() : await connect(address, { codec: 'bytes', ...options })
report({ transport: channel.transport })
channel.handle((request) => request)
const ended = new Promise((resolve) => channel.once('close', (error) => resolve(error?.code ?? 'in order')))
const everything = blocking ? undefined : receiveAll()
try {
  await (blocking ? exchangeBlocking() : sendAll())
  await everything
  // Both sides have everything, also the other's replies.
  if (role === 'server') await channel.close()
  else await ended
} catch (error) {
  account.error = error.code ?? String(error.stack)
}
report({ ...account, closed: await ended })

async function accept() {
  const server = await listen(address, { codec: 'bytes', ...options })
  report({ listening: true })
  const { value } = await server[Symbol.asyncIterator]().next()
  value.once('close', () => void server.close())
  return value
}

function receiveAll() {
  return new Promise((resolve) => {
    channel.on('message', (bytes) => {
      check(bytes)
      if (account.received === count) resolve()
    })
    void ended.then(resolve)
  })
}

function check(bytes) {
  const number = bytes.readUInt32LE(0)
  const isWhole =
    bytes.readUInt32LE(4) === bytes.length && bytes.readUInt32LE(8) === crc32(bytes.subarray(HEADER_BYTES))
  // After a timeout, the peer sends a message again, although the ring may have had a part of it.
  if (blocking && isWhole && number === account.received - 1) return
  if (!isWhole || number !== account.received)
    account.fault ??= `message ${account.received}: number ${number}, ${bytes.length} bytes`
  account.received += 1
  account.bytes += bytes.length
}

async function sendAll() {
  const replies = []
  while (account.sent < count) {
    const message = next()
    const way = pick(['trySend', 'trySend', 'send', 'claim', 'cork', 'request'])
    account.ways[way] = (account.ways[way] ?? 0) + 1
    if (way === 'send') await channel.send(message)
    else if (way === 'request') replies.push(ask(message))
    else await sent(way, message)
    if (way !== 'request') countSent()
    if (random() < 0.05) await turn()
  }
  await Promise.all(replies)
}

function countSent() {
  account.sent += 1
  // Not later: after the last message, the peer may close.
  if (account.sent === count - 1) account.ownMemoryBytes = ownMemoryBytes()
}

async function sent(way, message) {
  for (;;) {
    const claim = way === 'claim' ? channel.claim(message.length + integer(0, 20)) : undefined
    if (claim) {
      claim.bytes.set(message)
      claim.commit(message.length)
      return
    }
    if (way === 'cork') channel.cork()
    const isSent = way !== 'claim' && channel.trySend(message)
    if (way === 'cork') channel.uncork()
    if (isSent) return
    await new Promise((resolve, reject) => {
      channel.once('drain', resolve)
      void ended.then((code) => reject(Object.assign(new Error('the channel has ended'), { code })))
    })
  }
}

async function ask(message) {
  const reply = await channel.request(message).catch((error) => {
    account.error ??= error.code
  })
  if (reply === undefined) return
  if (!reply.equals(message)) account.fault ??= `a reply of ${reply.length} bytes to ${message.length} bytes`
  account.replies += 1
}

/** The pages of the own segment, the only one that is mapped writable; undefined except on Linux. */
function ownMemoryBytes() {
  if (process.platform !== 'linux') return undefined
  const smaps = readFileSync('/proc/self/smaps', 'latin1')
  const [, kib] = /^\S+ rw-s .*memfd:shmwire[\s\S]*?^Rss:\s+(\d+) kB$/m.exec(smaps)
  return Number(kib) * 1024
}

/** Both sides block, so each waits only for a moment. */
async function exchangeBlocking() {
  let message = next()
  while (account.sent < count || account.received < count) {
    if (account.sent < count && inTime(() => channel.sendSync(message, integer(0, 3)))) {
      countSent()
      message = next()
    }
    while (account.received < count && inTime(() => check(channel.receiveSync(integer(0, 1)))));
  }
}

function inTime(call) {
  try {
    call()
    return true
  } catch (error) {
    // After a timeout, the last message may have arrived, and then the peer closes.
    const hasArrived = account.received === count && account.sent === count - 1
    if (error.code === 'ERR_SHMWIRE_CLOSED' && hasArrived) account.sent = count
    else if (error.code !== 'ERR_SHMWIRE_TIMEOUT') throw error
    return false
  }
}

function next() {
  const [from, to] = pick([
    [0, 100],
    [0, 100],
    [100, 2000],
    [8100, 8200],
    [2000, 70_000],
    [50_000, 400_000],
  ])
  const bytes = Buffer.alloc(HEADER_BYTES + integer(from, to), integer(0, 256))
  for (let at = HEADER_BYTES; at + 4 <= bytes.length; at += 1 + (bytes.length >> 5)) {
    bytes.writeUInt32LE(integer(0, 2 ** 32), at)
  }
  bytes.writeUInt32LE(account.sent, 0)
  bytes.writeUInt32LE(bytes.length, 4)
  bytes.writeUInt32LE(crc32(bytes.subarray(HEADER_BYTES)), 8)
  return bytes
}

function pick(values) {
  return values[integer(0, values.length)]
}

function integer(from, to) {
  return from + Math.floor(random() * (to - from))
}

/** mulberry32 */
function randomFrom(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32
  }
}
