// A worker thread that blocks until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { connect } from '../../../dist/index.js'

const { address, call, wait } = workerData
const channel = await connect(address, { wait, ringBytes: 64 * 1024 })
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
parentPort.postMessage('blocks')
if (call === 'receiveSync') channel.receiveSync()
if (call === 'requestSync') channel.requestSync('never')
// The server's channel has no listener and holds little.
if (call === 'sendSync') for (;;) channel.sendSync('x'.repeat(1000))
