// A topic with four subscribers against PUB and SUB of zeromq.js over ipc: messages that subscribers received in a second.
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTopic } from 'shmwire'
import { loadPackage } from '../support/packages.mjs'
import { ask, cpuOf, newName, startRole, stop, turn } from './processes.mjs'

const SUBSCRIBERS = 4
const MESSAGE = Buffer.alloc(64, 1)
/** Between two turns of the event loop. */
const BURST = 256

export const topicRow = {
  name: 'topic to 4 subscribers, 64 B',
  setups: { zeromq, shmwire },
  figures: [
    { label: 'deliveries', key: 'deliveries', unit: 'a second', ratio: ['shmwire', 'zeromq'] },
    { label: 'CPU of all processes', key: 'cpu', unit: 'µs a delivery', digits: 3 },
    { label: 'published', key: 'published', unit: 'a second' },
  ],
}

async function shmwire(seconds) {
  const name = newName()
  const topic = await createTopic(name, { codec: 'bytes' })
  const subscribers = await start('subscriber', name)
  try {
    return await measure(subscribers, seconds, async () => {
      for (let n = 0; n < BURST; n += 1) topic.tryPublish(MESSAGE)
      await turn()
    })
  } finally {
    await stop(subscribers)
    await topic.close()
  }
}

async function zeromq(seconds) {
  const { Publisher } = loadPackage('zeromq')
  const path = join(tmpdir(), newName())
  // With its default of 1,000 messages it loses most of them.
  const socket = new Publisher({ sendHighWaterMark: 100_000, linger: 0 })
  await socket.bind(`ipc://${path}`)
  const greeting = setInterval(() => void socket.send(Buffer.alloc(1)), 20)
  const subscribers = await start('zeromqSubscriber', path)
  clearInterval(greeting)
  try {
    return await measure(subscribers, seconds, async () => {
      for (let n = 0; n < BURST; n += 1) await socket.send(MESSAGE)
      await turn()
    })
  } finally {
    await stop(subscribers)
    socket.close()
    rmSync(path, { force: true })
  }
}

function start(role, address) {
  return Promise.all(Array.from({ length: SUBSCRIBERS }, () => startRole(role, address)))
}

/** Counts what arrived while the publisher ran; messages that arrive later do not count. */
async function measure(subscribers, seconds, publishBurst) {
  const before = await counts(subscribers)
  const cpuBefore = cpuOf(subscribers)
  const beganAt = performance.now()
  let published = 0
  while (performance.now() - beganAt < seconds * 1000) {
    await publishBurst()
    published += BURST
  }
  const after = await counts(subscribers)
  const elapsed = (performance.now() - beganAt) / 1000
  const deliveries = after - before
  return {
    deliveries: deliveries / elapsed,
    published: published / elapsed,
    cpu: (cpuOf(subscribers) - cpuBefore) / deliveries,
  }
}

async function counts(subscribers) {
  const received = await Promise.all(subscribers.map((subscriber) => ask(subscriber, 'count')))
  return received.reduce((sum, one) => sum + one, 0)
}
