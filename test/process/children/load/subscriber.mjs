// Reads a topic, and checks that each message follows from the one before and the counted losses.
import { setTimeout as sleep } from 'node:timers/promises'
import { subscribe } from '../../../../dist/index.js'
import { nowMs, Outcomes } from './outcomes.mjs'

const SLOW_MS = 250
const POLL_MS = 20
const WAIT_MS = 30_000
const FAULTS_MAX = 5

export async function startSubscriber({ address, source }) {
  const subscription = await subscribe(address, { codec: 'json' })
  const deliveries = new Outcomes()
  const faults = []
  let received = 0
  let lost = 0
  let slow = false
  subscription.on('lost', (count) => {
    lost += count
  })

  const loop = (async () => {
    let last = 0
    for await (const [{ number, atMs }, { sequence }] of subscription.entries()) {
      received += 1
      if (sequence !== received + lost && faults.length < FAULTS_MAX)
        faults.push(`message ${sequence} after ${received - 1} received and ${lost} lost ones`)
      if (number !== sequence && faults.length < FAULTS_MAX)
        faults.push(`message ${sequence} has the content of ${number}`)
      if (sequence <= last && faults.length < FAULTS_MAX) faults.push(`message ${sequence} after ${last}`)
      last = sequence
      deliveries.succeed(nowMs() - atMs)
      if (slow) await sleep(SLOW_MS)
    }
  })().catch((error) => deliveries.fail(error.code ?? error.message))

  return {
    slow(order) {
      slow = order.isSlow
    },
    /** Resolves when it has read the topic to this message. */
    async stop({ sequence }) {
      const endMs = performance.now() + WAIT_MS
      while (subscription.sequence < sequence && performance.now() < endMs) await sleep(POLL_MS)
      return { outcomes: { [source]: deliveries }, received, lost, faults, sequence: subscription.sequence }
    },
    async close() {
      await subscription.close()
      await loop
    },
  }
}
