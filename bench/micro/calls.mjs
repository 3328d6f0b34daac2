import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, listen } from '../../dist/index.js'

/** @returns {Promise<[name: string, task: () => unknown][]>} */
export async function callTasks() {
  const address = `unix:${join(mkdtempSync(join(tmpdir(), 'shmwire-micro-')), 'socket')}`
  const server = await listen(address, { codec: 'bytes' })
  server.unref()
  server.on('channel', (channel) => {
    channel.unref()
    channel.handle((message) => message)
    channel.on('message', () => {})
  })
  const channel = (await connect(address, { codec: 'bytes' })).unref()
  const message = Buffer.alloc(64)
  const isShared = channel.transport === 'shm'
  return [
    [`request and reply (${channel.transport})`, () => channel.request(message)],
    ['send', () => channel.send(message)],
    ['stats', () => channel.stats()],
    ...(isShared ? [['trySend until full, then wait', () => fill(channel, message)]] : []),
  ]
}

/** Sends a full ring of messages at a time. */
async function fill(channel, message) {
  while (channel.trySend(message)) {}
  await new Promise((resolve) => channel.once('drain', resolve))
}
