// Pushes jobs until it is stopped or killed, each with an id of its own, and some a second time.   pusher.mjs <address> <directory of the ledgers> <name> <requests: 0 or 1>
//   begun, held, duplicate, refused <id> <code> <executed>, replied; repeated <id> <duplicate or new>
import { setTimeout as sleep } from 'node:timers/promises'
import { openQueue } from '../../../../dist/index.js'
import { engine } from './engine.mjs'
import { openLedger } from './ledger.mjs'

const LANES = 20
const PAUSE_MS = 20
const LANE_PAUSE_MS = 100
const REPEATED_PART = 0.05
/** Over JetStream, a result can be lost while this process connects again. */
const REQUEST_TIMEOUT_MS = engine === undefined ? undefined : 3_000

const [address, directory, name, requests] = process.argv.slice(2)
const write = openLedger(directory, name)
const queue = await openQueue(address, { codec: 'json', waitForServer: true, engine })
let count = 0
const stopping = new AbortController()

async function lane(number) {
  while (!stopping.signal.aborted) {
    count += 1
    const id = `${name}-${count}`
    write('begun', id)
    try {
      if (requests === '1' && number === 0) {
        const reply = await queue.request({ id }, { id, timeoutMs: REQUEST_TIMEOUT_MS })
        write(reply?.id === id ? 'replied' : 'wrong', id)
      } else {
        const { duplicate } = await queue.push({ id }, { id })
        write(duplicate ? 'duplicate' : 'held', id)
        if (Math.random() < REPEATED_PART) await repeat(id)
      }
    } catch (error) {
      write('refused', id, error.code, error.executed)
      await sleep(PAUSE_MS)
    }
    // Over JetStream, the queue is never full, so the pushers themselves leave time to the workers.
    if (engine !== undefined) await sleep(Math.random() * LANE_PAUSE_MS)
    else if (number % 4 === 0) await sleep(1)
  }
}

/** Pushes a job again that the queue holds, or that is done. */
async function repeat(id) {
  await sleep(Math.random() * PAUSE_MS)
  try {
    const { duplicate } = await queue.push({ id }, { id })
    write('repeated', id, duplicate ? 'duplicate' : 'new')
  } catch {
    // The queue has died. Whether it holds the job is known from the first push.
  }
}

process.on('disconnect', () => process.exit())
process.on('message', () => {
  stopping.abort()
})
process.send('ready')
await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
await queue.close()
process.send('stopped')
await engine?.close()
process.disconnect()
