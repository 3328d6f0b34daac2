// Listens at a path and passes each connection to its parent. For the kernel, this process is the server.
//   listener.mjs <path>
import { createServer } from 'node:net'

const server = createServer({ pauseOnConnect: true }, (socket) => process.send('connection', socket))
server.listen(process.argv[2], () => process.send('listening'))
