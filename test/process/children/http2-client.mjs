// Opens an HTTP/2 session to an attached server, sends a request, and lets go of the session or of its socket.
//   http2-client.mjs <address> session|socket
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { createConnection } from '../../../dist/adapter/stream.js'

const [address, released] = process.argv.slice(2)
const socket = createConnection(address)
const session = connect('http://localhost', { createConnection: () => socket })
console.log(JSON.stringify(await text(session.request({ ':path': '/' }))))
if (released === 'session') session.unref()
else socket.unref()
