// Reads the topic of a run over JetStream.   subscriber.mjs <name of the topic> <directory of the ledgers> <name>
//   got <id> <sequence> <publisher> <number>, lost - <count>, ended - <code>
import { setTimeout as sleep } from 'node:timers/promises'
import { engine } from './engine.mjs'
import { openLedger } from './ledger.mjs'

const [address, directory, name] = process.argv.slice(2)
const write = openLedger(directory, name)
const subscription = await engine.subscribe(address, { codec: 'json' })
subscription.on('lost', (count) => write('lost', '-', count))
subscription.on('message', ({ id, number, publisher }, { sequence }) =>
  write('got', id, sequence, publisher, number),
)
subscription.on('close', (error) => write('ended', '-', error?.code ?? 'none'))

process.on('disconnect', () => process.exit())
process.on('message', async ({ sequence }) => {
  // The orchestrator ends this wait.
  while (subscription.sequence < sequence) await sleep(10)
  process.send('stopped')
  await engine.close()
  process.disconnect()
})
process.send('ready')
