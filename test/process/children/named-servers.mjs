// Listens at names, and closes them, as its parent says. Answers each command when it is done.
//   named-servers.mjs [NAME …]

import { listen } from '../../../build/modules/index.js'
import { announce } from '../../../build/modules/listen.js'

const servers = new Map()
const commands = {
  async listen(name, options) {
    const server = await listen(name, options)
    server.on('channel', (channel) => channel.handle(() => process.pid))
    servers.set(name, server)
  },
  close: (name) => servers.get(name).close(),
  announce: (name, service) => announce(servers.get(name), { services: [{ name: service, hash: 'h' }] }),
  // Blocks the event loop.
  block: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
}

process.on('message', async ([command, ...args]) => {
  await commands[command](...args)
  process.send('done')
})
process.on('disconnect', () => process.exit())
for (const name of process.argv.slice(2)) await commands.listen(name)
process.send('ready')
