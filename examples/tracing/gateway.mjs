// The process that clients reach: a gateway of REST.
import { createRestServer } from 'shmwire/rest'
import { Orders } from './contracts.mjs'
import { runUntilStopped, startTelemetry } from './telemetry.mjs'

startTelemetry('gateway')
const [orders] = process.argv.slice(2)

const server = await createRestServer({
  services: [{ contract: Orders, target: orders }],
  listen: '127.0.0.1:0',
})
runUntilStopped(`http://${server.address}`, () => server.close())
