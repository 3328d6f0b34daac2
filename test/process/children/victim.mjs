// Sends over a channel as fast as it can until it is killed. Writes the number of committed messages to a file:
// the page cache keeps it after the kill.
//   victim.mjs server|client <address> <transport> <file for the count>
import { openSync, writeSync } from 'node:fs'
import { connect, listen } from '../../../dist/index.js'
import { faultOf, message } from './load.mjs'

const [role, address, transport, file] = process.argv.slice(2)
const options = { transport, codec: 'bytes', ringBytes: 64 * 1024 }
const report = openSync(file, 'w')
const word = Buffer.alloc(8)
const SENDS_PER_TURN = 200

if (role === 'server') {
  const server = await listen(address, options)
  server.on('channel', exchange)
  process.send('listening')
} else {
  exchange(await connect(address, options))
}

function exchange(channel) {
  let received = 0
  channel.on('message', (bytes) => {
    const fault = faultOf(bytes, received)
    if (fault !== undefined) process.send({ fault })
    received += 1
  })
  channel.handle(() => new Promise(() => {}))
  let sent = 0
  const pump = () => {
    for (let count = 0; count < SENDS_PER_TURN; count += 1) {
      if (!channel.trySend(message(sent))) return channel.once('drain', pump)
      sent += 1
      // The outbox is empty: all of `sent` is committed.
      if (count % 4 === 0 && channel.stats().outboxRecords === 0) commit(sent)
    }
    setImmediate(pump)
  }
  pump()
  process.send('running')
}

function commit(count) {
  word.writeBigUInt64LE(BigInt(count))
  writeSync(report, word, 0, 8, 0)
}
