// A worker of a queue over JetStream. Arguments: the port of the server, and the name of the queue. Reports each job when it begins, and
// ends none, so that its death leaves them to others.
import process from 'node:process'
import { jetStream } from '../../../dist/engine/nats/index.js'

const [port, name] = process.argv.slice(2)
const engine = jetStream({ servers: `127.0.0.1:${port}`, leaseMs: 1_000, heartbeatMs: 500 })
const handler = (job, { attempt }) => {
  process.send({ job, attempt })
  return new Promise(() => {})
}
await engine.work(name, handler, { concurrency: 2 })
process.send('ready')
