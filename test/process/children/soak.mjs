// One end of a soak: sends `count` messages whose content follows from seed and number, checks as many received ones,
// and pauses at random in both. Sends 'done', or the fault.
//   soak.mjs listen|connect <address> <transport> <count> <seed>
import { connect, listen } from '../../../dist/index.js'

const [role, address, transport, countText, seedText] = process.argv.slice(2)
const count = Number(countText)
const seed = Number(seedText)
const RING_BYTES = 64 * 1024
const BLOCK_BYTES = 1024 * 1024
const LONGEST_BYTES = 4 * RING_BYTES
const options = { transport, codec: 'bytes', ringBytes: RING_BYTES }

const block = Buffer.alloc(BLOCK_BYTES + LONGEST_BYTES)
const randomBits = xorshift(seed | 1)
for (let at = 0; at < block.length; at += 4) block.writeInt32LE(randomBits(), at)
const pauseBits = xorshift((seed ^ (role === 'listen' ? 0x5bd1e995 : 0x27d4eb2f)) | 1)

if (role === 'listen') {
  const server = await listen(address, options)
  process.send('listening')
  server.once('channel', async (channel) => {
    await run(channel)
    await server.close()
  })
} else await run(await connect(address, options))

async function run(channel) {
  try {
    await Promise.all([read(channel), write(channel)])
    process.send('done')
  } catch (error) {
    process.send(error.stack)
  }
  // Both sides have read all messages before either hangs up.
  await channel.close()
}

async function read(channel) {
  let number = 0
  for await (const bytes of channel) {
    const expected = message(number)
    if (!expected.equals(bytes))
      throw new Error(`message ${number} of ${expected.length} bytes arrived as ${bytes.length} others`)
    number += 1
    if (number === count) return
    await pause()
  }
  throw new Error(`the channel was closed after ${number} messages`)
}

async function write(channel) {
  for (let number = 0; number < count; number += 1) {
    if (!channel.trySend(message(number))) await channel.send(message(number))
    await pause()
  }
}

/** Rarely pauses: most messages follow at once. */
function pause() {
  const dice = (pauseBits() >>> 0) % 20_000
  if (dice < 10) return new Promise((resolve) => setImmediate(resolve))
  return dice === 10 ? new Promise((resolve) => setTimeout(resolve, 1)) : undefined
}

function message(number) {
  const hash = Math.imul(number + 1, 0x9e3779b1) ^ seed
  const dice = (hash >>> 8) % 1000
  const spread = Math.imul(hash, 0x85ebca6b) >>> 12
  const length =
    dice < 800
      ? spread % 200
      : dice < 980
        ? spread % 2_000
        : dice < 998
          ? 8_000 + (spread % 400)
          : spread % LONGEST_BYTES
  const start = (number * 7919) % BLOCK_BYTES
  return block.subarray(start, start + length)
}

function xorshift(state) {
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state
  }
}
