// Publishes to the topic of a run over JetStream until it is stopped or killed.   publisher.mjs <name of the topic> <directory of the ledgers> <name>
//   sent <id> <number>, stored <id>, unstored <id> <code>
import { setTimeout as sleep } from 'node:timers/promises'
import { engine, untilThere } from './engine.mjs'
import { openLedger } from './ledger.mjs'

/** Without an answer. */
const OPEN_MAX = 50
const BATCH = 5

const [address, directory, name] = process.argv.slice(2)
const write = openLedger(directory, name)
const topic = await untilThere(() => engine.createTopic(address, { codec: 'json' }))
const open = new Set()
const stopping = new AbortController()

function publish(number) {
  const id = `${name}-${number}`
  write('sent', id, number)
  const stored = topic.publish({ id, number, publisher: name }).then(
    () => write('stored', id),
    (error) => write('unstored', id, error.code),
  )
  open.add(stored)
  stored.finally(() => open.delete(stored))
}

process.on('disconnect', () => process.exit())
process.on('message', () => stopping.abort())
process.send('ready')
for (let number = 1; !stopping.signal.aborted; number += 1) {
  while (open.size >= OPEN_MAX) await Promise.race(open)
  publish(number)
  if (number % BATCH === 0) await sleep(2)
}
await Promise.all(open)
// `close` of the topic would end the subscriptions, and others still publish.
process.send({ sequence: topic.sequence })
await engine.close()
process.disconnect()
