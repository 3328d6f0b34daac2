// A thread of the suite for other runtimes, which only makes blocking calls.
import { parentPort, workerData } from 'node:worker_threads'
import { connect } from 'shmwire'

const channel = await connect(workerData)
const { transport } = channel
const reply = channel.requestSync({ what: 'double', value: 21 }, 5_000)
channel.sendSync('blocking', 5_000)
const echo = channel.receiveSync(5_000)
let none
try {
  channel.receiveSync(30)
} catch (error) {
  none = error.code
}
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort.postMessage({ transport, reply, echo, none })
await channel.close()
