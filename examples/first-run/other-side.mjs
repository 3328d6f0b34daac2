// The second process of the demo: takes the file, and answers while the first one measures. It ends with its parent.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { loadBaseline, loadScenario } from '../../bench/support/catalog.mjs'
import { ErrorCode, listen } from '../../dist/index.js'
import { messageSizes } from './file-plan.mjs'

const folder = process.argv[2]
const server = await listen(`unix:${join(folder, 'file')}`, { codec: 'bytes' })
server.once('channel', receiveFile)
console.log('ready')

function receiveFile(channel) {
  const hash = createHash('sha256')
  let sizes
  let messages = 0
  let faults = 0

  channel.on('message', (message) => {
    if (message.length !== sizes.next().value) faults += 1
    messages += 1
    hash.update(message)
  })

  const answers = {
    file({ bytes }) {
      sizes = messageSizes(bytes)
    },
    digest: () => ({ messages, faults, sha256: hash.digest('hex') }),
    serve: ({ runs }) => Promise.all(runs.map(serve)),
  }
  channel.handle(async (request) => {
    const { ask, ...rest } = JSON.parse(request.toString())
    return Buffer.from(JSON.stringify((await answers[ask](rest)) ?? {}))
  })
  channel.on('close', (error) => {
    // That the first process is gone needs no telling: who would read it?
    if (error !== undefined && error.code !== ErrorCode.PEER_GONE)
      console.error(`\nThe second process: ${error.message}`)
    process.exit(error === undefined ? 0 : 1)
  })
}

/** Answers one measurement: of a scenario of the benchmark, or of requests. */
async function serve({ path, scenarioName, baselineName, transport, options }) {
  if (scenarioName === undefined) {
    const requests = await listen(`unix:${path}`, { transport })
    requests.on('channel', (channel) => channel.handle((message) => ({ ...message, answered: true })))
    return
  }
  const baseline = await loadBaseline(baselineName)
  const scenario = await loadScenario(scenarioName)
  await baseline.listen({ path, options }, (connection) => scenario.serve(connection, options))
}
