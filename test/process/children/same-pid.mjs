// The first process of a pid namespace: kills a client, starts another one under the same pid, and reports the events of its server.
//   same-pid.mjs <address>
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { listen } from '../../../dist/index.js'

const address = process.argv[2]
const side = fileURLToPath(new URL('channel-side.mjs', import.meta.url))
const start = () =>
  spawn(process.execPath, [side, 'client', address, '{"stays":true}'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })

/** Threads take pids too, so several attempts may be necessary until the kernel assigns this one. */
async function startAs(pid) {
  for (;;) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
    const child = start()
    if (child.pid === pid) return child
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

const server = await listen(address)
const accepted = []
const ended = []
server.on('channel', (channel) => {
  channel.handle((value) => value)
  accepted.push(channel.peer.pid)
  channel.on('close', (error) => ended.push({ pid: channel.peer.pid, code: error?.code }))
})
const from = async (pid) => {
  while (accepted.at(-1) !== pid) await once(server, 'channel')
}

const closed = (channel) =>
  new Promise((resolve) => {
    channel.once('close', resolve)
  })

const first = start()
await from(first.pid)
const [channel] = server.channels
first.kill('SIGKILL')
await Promise.all([once(first, 'exit'), closed(channel)])
accepted.length = 0
const second = await startAs(first.pid)
await from(second.pid)
const [successor] = server.channels
console.log(JSON.stringify({ pid: first.pid, ended, peer: successor.peer, open: server.channels.size }))
second.kill('SIGKILL')
await closed(successor)
await server.close()
