// Subscribes to a topic. Reads all messages, or none, until it is killed or the topic closes; then it reports what it has received and lost.
//   topic-subscriber.mjs <address> <transport> read|sleep
import { subscribe } from '../../../build/modules/messaging/topic/subscribe.js'

const [address, transport, mode] = process.argv.slice(2)
const subscription = await subscribe(address, { codec: 'bytes', channel: { transport } })
const begin = subscription.sequence
process.on('disconnect', () => process.exit())
process.on('message', () => {})
process.send({ begin, transport: subscription.transport })

if (mode === 'read') {
  let next = begin + 1
  let fault
  subscription.on('lost', (count) => {
    next += count
  })
  let error
  try {
    for await (const [bytes, { sequence }] of subscription.entries()) {
      const number = Number(bytes.readBigUInt64LE())
      if (sequence !== next || number !== sequence)
        fault ??= `message ${number} as ${sequence} instead of ${next}`
      next = sequence + 1
    }
  } catch (thrown) {
    error = thrown.code
  }
  process.send({ ...subscription.stats(), fault, error })
}
