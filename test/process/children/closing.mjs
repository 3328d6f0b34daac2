// A service and a gateway that close with a signal. Their calls of `hold` end with the message `finish`.
// Arguments: the name of the service, 'first' (the gateway, then the service) or 'together', and the options of closeOnSignal.

import { createRestServer } from '../../../dist/gateway/rest/index.js'
import { client, contract, jsonSchema, serve, unary } from '../../../dist/index.js'
import { channelPool, closeOnSignal } from '../../../dist/resilience/index.js'

const [, , name, order, options] = process.argv
const ANY = jsonSchema({})
const Held = contract('test.Held', {
  hold: unary({ input: ANY, output: ANY, http: 'GET /hold', safe: true }),
  echo: unary({ input: ANY, output: ANY, http: 'GET /echo', safe: true }),
})

let finish
const finished = new Promise((resolve) => {
  finish = resolve
})
process.once('message', finish)

const handlers = {
  async hold() {
    process.send('held')
    await finished
    return { held: true }
  },
  echo: (message) => message,
}
const service = await serve(name, handlers, { contract: Held })
const pool = channelPool()
const own = await client(pool.at(name), { contract: Held })
const services = [{ contract: Held, target: pool.at(name) }]
const gateway = await createRestServer({ listen: '127.0.0.1:0', services })

const steps = order === 'together' ? [[gateway, service], own, pool] : [gateway, service, own, pool]
const shutdown = closeOnSignal(steps, {
  onSignal: (signal) => process.send({ signal, status: 'closing' }),
  ...JSON.parse(options ?? '{}'),
})
void shutdown.closed.then(({ exitCode, errors }) => {
  process.send({ exitCode, errors: errors.map(String) })
  if (options?.includes('"exit":false')) {
    process.exitCode = 7
    process.disconnect()
  }
})
process.send(gateway.port)
