// The publisher's CPU for each message with eight subscribers that need no wake-up, against one.
import { createTopic } from 'shmwire'
import { cpuMicros, newName, startRole, stop, turn } from './processes.mjs'

const MESSAGE = Buffer.alloc(64, 1)
const BURST = 1_000

export const publisherRow = {
  name: "publisher's CPU a message, 64 B",
  setups: { one: (seconds) => publish(seconds, 1), eight: (seconds) => publish(seconds, 8) },
  figures: [{ label: 'CPU', key: 'cpu', unit: 'ns a message', ratio: ['eight', 'one'] }],
}

async function publish(seconds, count) {
  const name = newName()
  const topic = await createTopic(name, { codec: 'bytes' })
  const subscribers = await Promise.all(
    Array.from({ length: count }, () => startRole('idleSubscriber', name)),
  )
  try {
    let published = 0
    const cpuBefore = cpuMicros()
    const endsAt = performance.now() + seconds * 1000
    while (performance.now() < endsAt) {
      for (let n = 0; n < BURST; n += 1) topic.tryPublish(MESSAGE)
      published += BURST
      await turn()
    }
    return { cpu: ((cpuMicros() - cpuBefore) * 1000) / published }
  } finally {
    await stop(subscribers)
    await topic.close()
  }
}
