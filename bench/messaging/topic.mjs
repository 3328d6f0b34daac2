import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTopic } from '../../dist/index.js'
import { CpuOfProcesses } from '../support/cpu-time.mjs'
import { figuresOf } from '../support/figures.mjs'
import { loadPackage } from '../support/packages.mjs'
import { ask, newName, startRole, stop, turn } from './processes.mjs'

export const SUBSCRIBERS = 4
/** Between two turns of the event loop. */
const BURST = 256

/** A topic of shmwire. */
export async function overTopic(options) {
  const name = newName()
  const topic = await createTopic(name, { codec: 'bytes' })
  const message = Buffer.alloc(options.messageBytes, 1)
  const subscribers = await start('subscriber', name)
  try {
    return await measure(subscribers, options, async () => {
      for (let n = 0; n < BURST; n += 1) topic.tryPublish(message)
      await turn()
    })
  } finally {
    await stop(subscribers)
    await topic.close()
  }
}

/** PUB and SUB of zeromq.js. */
export async function overZeromq(options) {
  const { Publisher } = loadPackage('zeromq')
  const path = join(tmpdir(), newName())
  // With its default of 1,000 messages it loses most of them.
  const socket = new Publisher({ sendHighWaterMark: 100_000, linger: 0 })
  await socket.bind(`ipc://${path}`)
  const message = Buffer.alloc(options.messageBytes, 1)
  const greeting = setInterval(() => void socket.send(Buffer.alloc(1)), 20)
  const subscribers = await start('zeromqSubscriber', path)
  clearInterval(greeting)
  try {
    return await measure(subscribers, options, async () => {
      for (let n = 0; n < BURST; n += 1) await socket.send(message)
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
async function measure(subscribers, { messageBytes, warmUpMs, durationMs }, publishBurst) {
  await publishFor(warmUpMs, publishBurst)
  const before = await counts(subscribers)
  const cpu = new CpuOfProcesses(subscribers.map(({ pid }) => pid))
  const beganAt = performance.now()
  const published = (await publishFor(durationMs, publishBurst)) * BURST
  const deliveries = (await counts(subscribers)) - before
  const seconds = (performance.now() - beganAt) / 1000
  const figures = figuresOf({ messages: deliveries, messageBytes, seconds, cpuSeconds: cpu.seconds() })
  return { ...figures, publishedPerSecond: published / seconds }
}

async function publishFor(durationMs, publishBurst) {
  const endsAt = performance.now() + durationMs
  let bursts = 0
  while (performance.now() < endsAt) {
    await publishBurst()
    bursts += 1
  }
  return bursts
}

async function counts(subscribers) {
  const received = await Promise.all(subscribers.map((subscriber) => ask(subscriber, 'count')))
  return received.reduce((sum, one) => sum + one, 0)
}
