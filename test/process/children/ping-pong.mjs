// One side of an exchange with gaps: it pauses for a random time after each message, so that the peer sleeps,
// falls asleep, or is still awake when the next message arrives.
//   ping-pong.mjs listen|connect <address> <transport> <wait> <count> <seed>
import { connect, listen } from '../../../dist/index.js'

const [role, address, transport, wait, countText, seed] = process.argv.slice(2)
const count = Number(countText)
const GAP_NANOS_MAX = 300_000n
const options = { transport, wait, spinMicros: 50, ringBytes: 64 * 1024 }
let state = Number(seed) | 1

if (role === 'listen') {
  const server = await listen(address, options)
  process.send('listening')
  server.once('channel', (channel) => {
    channel.on('message', (number) => {
      gap()
      channel.trySend(number)
    })
    channel.once('close', () => server.close())
  })
} else {
  const channel = await connect(address, options)
  channel.on('message', async (number) => {
    if (number === count) {
      process.send({ ...channel.stats() })
      await channel.close()
      return
    }
    gap()
    channel.trySend(number + 1)
  })
  channel.trySend(1)
}

/** Spins in this thread, because a timer is too coarse. */
function gap() {
  state ^= state << 13
  state ^= state >>> 17
  state ^= state << 5
  if ((state & 1) === 0) return
  const until = process.hrtime.bigint() + (BigInt(state >>> 0) % GAP_NANOS_MAX)
  while (process.hrtime.bigint() < until);
}
