// Watches for servers, with `unref` or without, and prints the names that are there. Ends by itself if nothing keeps it alive.
//   watching.mjs ref|unref
import { watchServers } from '../../../dist/index.js'

const watcher = await watchServers()
if (process.argv[2] === 'unref') watcher.unref()
console.log(JSON.stringify(watcher.servers.map(({ name }) => name)))
watcher.on('down', ({ name }) => {
  console.log(JSON.stringify(`down ${name}`))
  void watcher.close()
})
