// Pushes jobs until it is stopped or killed, each with an id of its own.   pusher.mjs <address> <directory of the ledgers> <name> <requests: 0 or 1>
//   begun, held, refused <id> <code> <executed>, replied
import { setTimeout as sleep } from 'node:timers/promises'
import { openQueue } from '../../../../dist/index.js'
import { openLedger } from './ledger.mjs'

const LANES = 20
const PAUSE_MS = 20

const [address, directory, name, requests] = process.argv.slice(2)
const write = openLedger(directory, name)
const queue = await openQueue(address, { codec: 'json', waitForServer: true })
let count = 0
const stopping = new AbortController()

async function lane(number) {
  while (!stopping.signal.aborted) {
    count += 1
    const id = `${name}-${count}`
    write('begun', id)
    try {
      if (requests === '1' && number === 0) {
        const reply = await queue.request({ id }, { id })
        write(reply?.id === id ? 'replied' : 'wrong', id)
      } else {
        const { duplicate } = await queue.push({ id }, { id })
        write(duplicate ? 'duplicate' : 'held', id)
      }
    } catch (error) {
      write('refused', id, error.code, error.executed)
      await sleep(PAUSE_MS)
    }
    if (number % 4 === 0) await sleep(1)
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
process.disconnect()
