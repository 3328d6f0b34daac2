// A server that does not keep its process alive. A timer does, until SIGUSR2.
//   unref-server.mjs <name>
import { listen } from '../../../dist/index.js'

const server = await listen(process.argv[2])
server.unref()
process.once('SIGUSR2', () => clearInterval(alive))
const alive = setInterval(() => {}, 60_000)
console.log(JSON.stringify('listening'))
