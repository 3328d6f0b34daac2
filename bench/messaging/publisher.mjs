import { createTopic } from '../../dist/index.js'
import { CpuClock, figuresOf } from '../support/figures.mjs'
import { newName, startRole, stop, turn } from './processes.mjs'

const BURST = 1_000

/** Publishes to subscribers that take no message, so that they need no wake-up. */
export async function publishTo(count, { messageBytes, warmUpMs, durationMs }) {
  const name = newName()
  const topic = await createTopic(name, { codec: 'bytes' })
  const message = Buffer.alloc(messageBytes, 1)
  const subscribers = await Promise.all(
    Array.from({ length: count }, () => startRole('idleSubscriber', name)),
  )
  const publishFor = async (lengthMs) => {
    const endsAt = performance.now() + lengthMs
    let published = 0
    while (performance.now() < endsAt) {
      for (let n = 0; n < BURST; n += 1) topic.tryPublish(message)
      published += BURST
      await turn()
    }
    return published
  }
  try {
    await publishFor(warmUpMs)
    const cpu = new CpuClock()
    const beganAt = performance.now()
    const messages = await publishFor(durationMs)
    const seconds = (performance.now() - beganAt) / 1000
    const cpuSeconds = { client: cpu.seconds(), server: 0 }
    return figuresOf({ messages, messageBytes, seconds, cpuSeconds })
  } finally {
    await stop(subscribers)
    await topic.close()
  }
}
