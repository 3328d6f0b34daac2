// The second process of the demo: it receives the file, then answers the measurements. It ends with the channel.
import { createHash } from 'node:crypto'
import { connect } from 'shmwire'
import { loadBaseline, loadScenario } from '../../bench/support/catalog.mjs'

const channel = await connect(process.argv[2])
const hash = createHash('sha256')
let messages = 0

channel.on('message', (message) => {
  hash.update(message)
  messages += 1
})
channel.handle(async ({ tasks }) => {
  if (tasks === undefined) return { messages, sha256: hash.digest('hex') }
  await Promise.all(tasks.map(serve))
})
// The measurements have servers of their own, which would keep this process alive.
channel.on('close', () => process.exit())

async function serve({ path, scenarioName, baselineName, options }) {
  const [baseline, scenario] = [await loadBaseline(baselineName), await loadScenario(scenarioName)]
  await baseline.listen({ path, options }, (connection) => scenario.serve(connection, options))
}
