// Attaches an HTTP server to an address, says `attached`, and begins responses that it never ends.
//   http-server.mjs <address>
import { createServer } from 'node:http'
import { attach } from '../../../dist/adapter/http.js'

const server = createServer((_request, response) => response.write('the beginning'))
await attach(server, process.argv[2])
console.log('"attached"')
