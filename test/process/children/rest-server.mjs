// A server of REST that may end while it has an open stream: it ends itself when it receives `unref`.

import { createRestServer } from '../../../dist/gateway/rest/index.js'
import { contract, jsonSchema, serverStream } from '../../../dist/index.js'

const ANY = jsonSchema({})
const Ticks = contract('test.Ticks', {
  watch: serverStream({ input: ANY, output: ANY, http: 'GET /watch', safe: true }),
})
const services = [{ contract: Ticks, target: process.argv[2] }]
const server = await createRestServer({ listen: '127.0.0.1:0', services })
process.send(server.port)
process.once('message', () => {
  server.unref()
  process.disconnect()
})
