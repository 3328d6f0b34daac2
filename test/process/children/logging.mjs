// A server with a client over the socket and one of another codec. Prints the events of the lines that its logger gets, as JSON.
//   logging.mjs <address> <logger | none>
import { connect, listen } from '../../../dist/index.js'

const [address, which] = process.argv.slice(2)
const lines = []
const add = ({ event }) => lines.push(event)
const logger = { debug: add, warn: add, error: add }

const server = await listen(address, which === 'logger' ? { logger } : {})
server.on('channel', () => {})
const channel = await connect(address, { transport: 'socket' })
await channel.close()
await connect(address, { codec: 'json' }).catch(() => {})
await server.close()
console.log(JSON.stringify(lines))
