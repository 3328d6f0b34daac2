// Publishes to two topics: one whose ring holds much, and one whose subscriber is slow at times.
import { createTopic } from '../../../../dist/index.js'
import { nowMs, Outcomes } from './outcomes.mjs'
import { pacer } from './pace.mjs'

const RING_BYTES = { ticks: 16 * 1024 * 1024, feed: 64 * 1024 }
const LENGTH_MAX = 4 * 1024

export async function startPublisher({ addresses, peak }) {
  const topics = []
  for (const name of Object.keys(RING_BYTES))
    topics.push(await createTopic(addresses[name], { codec: 'json', ringBytes: RING_BYTES[name] }))
  // A second of the peak fills the ring of the slow subscriber.
  const padding = 'p'.repeat(Math.min(LENGTH_MAX, Math.floor(RING_BYTES.feed / peak)))
  const publishes = new Outcomes()
  let number = 0
  let pace

  function begin() {
    number += 1
    const message = { number, atMs: nowMs(), padding }
    for (const topic of topics)
      void publishes.run(
        () => topic.publish(message),
        ({ code, message: text }) => code ?? text,
      )
  }

  return {
    async begin() {
      pace = await pacer(peak, begin)
    },
    async stop() {
      const share = await pace.stop()
      const sequences = Object.fromEntries(
        Object.keys(RING_BYTES).map((name, index) => [name, topics[index].sequence]),
      )
      return { outcomes: { publish: publishes }, share, sequences, published: number }
    },
    async close() {
      for (const topic of topics) await topic.close()
    },
  }
}
