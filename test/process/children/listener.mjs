// Listens at a path and passes each connection to its parent. The kernel names this process as the server of whoever connects.
//   listener.mjs <path>
import { createServer } from 'node:net'

const server = createServer({ pauseOnConnect: true }, (socket) => process.send('connection', socket))
server.listen(process.argv[2], () => process.send('listening'))
