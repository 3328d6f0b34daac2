// One of the two processes of a repetition; started by pair.mjs. Tells its parent on stdout, one line of JSON each:
// the server that it is ready, the client what it found. Nothing is said there while it measures.
import { loadBaseline, loadScenario } from './catalog.mjs'

const { side, scenarioName, baselineName, path, options } = JSON.parse(process.argv[2])
const baseline = await loadBaseline(baselineName)
const scenario = await loadScenario(scenarioName)

if (side === 'server') {
  const listener = await baseline.listen(path)
  tell({ ready: true })
  const connection = await listener.accept()
  scenario.serve(connection, options)
  connection.onClose = () => void listener.close()
} else {
  const connection = await baseline.connect(path)
  const figures = await scenario.measure(connection, options)
  tell({ figures, transport: connection.transport })
  await connection.close()
}

function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}
