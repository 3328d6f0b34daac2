// One of the two processes of a repetition, or the process of a setup; started by pair.mjs, or by a competitor whose client
// starts the server. Reports to its parent on stdout, in one line of JSON: the server that it is ready, the others their
// figures. It writes nothing there during the measurement.
import { fileURLToPath } from 'node:url'
import { isMainThread, workerData } from 'node:worker_threads'
import { askServer } from './calls.mjs'
import { loadBaseline, loadScenario } from './catalog.mjs'
import { JsonConnection } from './json-connection.mjs'

const task = JSON.parse(isMainThread ? process.argv[2] : workerData)
const { side, scenarioName, baselineName, setupName, path, options } = task
const baseline = baselineName && (await loadBaseline(baselineName))
const scenario = await loadScenario(scenarioName)
const address = {
  path,
  options,
  peer: { file: fileURLToPath(import.meta.url), task: JSON.stringify({ ...task, side: 'server' }) },
}

if (side === 'setup') await measureSetup()
else if (side === 'client') await measure()
else if (scenario.handlers === undefined) await serve()
else await serveCalls()

async function serve() {
  let open = 0
  const listener = await baseline.listen(address, (carrier) => {
    const connection = asWanted(carrier)
    open += 1
    connection.onClose = () => {
      open -= 1
      if (open === 0) void listener.close()
    }
    scenario.serve(connection, options)
  })
  if (!baseline.startsServer) tell({ ready: true })
}

async function serveCalls() {
  const close = () => void listener.close()
  const listener = await baseline.listen(address, scenario.handlers(options, close))
  tell({ ready: true })
}

async function measureSetup() {
  const { measure: run, transport } = scenario.setups[setupName]
  tell({ figures: await run(options), transport })
}

async function measure() {
  const connections = []
  const connect = async () => {
    const connection = asWanted(await baseline.connect(address))
    connections.push(connection)
    return connection
  }
  const first = await connect()
  const figures = await scenario.measure(first, options, connect)
  tell({ figures, transport: first.transport })
  if (scenario.handlers !== undefined) await askServer(first, 'close')
  for (const connection of connections) connection.onClose = () => {}
  await Promise.all(connections.map((connection) => connection.close()))
}

function asWanted(connection) {
  return options.values && !baseline.carriesValues ? new JsonConnection(connection) : connection
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
