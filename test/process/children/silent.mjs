// Opens connections that become silent: with 'connect' at once, with 'hello' after the server's offer. Sends 'ready'
// when all are silent, and on request the numbers of connections that the server has rejected and closed.
//   silent.mjs <path of the control socket> <count> connect|hello
import { connect } from 'node:net'

const [path, count, stage] = process.argv.slice(2)
const FRAME_REJECT = 258
const PREAMBLE = Buffer.from('SHMW\x01\0\0\0', 'latin1')
const HELLO = Buffer.from(
  JSON.stringify({
    features: [],
    codec: 'msgpack',
    maxMessageBytes: 1024,
    ringBytes: 65_536,
    transport: 'auto',
    shm: true,
    pid: 1,
  }),
)
const header = Buffer.alloc(12)
header.writeUInt32LE(HELLO.length)
header.writeUInt16LE(256, 4)

let rejected = 0
let closed = 0

function open() {
  return new Promise((resolve) => {
    const socket = connect(path)
    let answer = Buffer.alloc(0)
    socket.on('error', resolve)
    socket.on('connect', () => {
      if (stage === 'hello') socket.write(Buffer.concat([PREAMBLE, header, HELLO]))
      else resolve()
    })
    socket.on('data', (chunk) => {
      answer = Buffer.concat([answer, chunk])
      if (answer.length >= 14 && answer.readUInt16LE(12) === FRAME_REJECT) rejected += 1
      resolve()
    })
    socket.on('close', () => {
      closed += 1
      resolve()
    })
  })
}

// In portions: the kernel refuses more at once than the server's queue of connections holds.
for (let left = Number(count); left > 0; left -= 128) {
  await Promise.all(Array.from({ length: Math.min(left, 128) }, open))
}
process.on('message', () => process.send({ rejected, closed }))
process.send('ready')
