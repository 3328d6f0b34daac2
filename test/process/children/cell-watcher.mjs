// Watches a cell: reads all values, or sleeps, until it is killed.
//   cell-watcher.mjs <address> <transport> read|sleep
import { watch } from '../../../build/modules/messaging/cell/watch.js'

const [address, transport, mode] = process.argv.slice(2)
const watched = await watch(address, { codec: 'bytes', channel: { transport } })
process.on('message', () => {})
process.on('disconnect', () => process.exit())
if (mode === 'read') watched.on('value', () => {})
process.send({ transport: watched.transport })
