// Becomes another user, then listens and connects, and reports both outcomes.
//   other-user.mjs <uid> <address to listen at> <address to connect to>
import { connect, listen } from '../../../dist/index.js'

const [uid, listenAt, connectTo] = process.argv.slice(2)
const codeOf = (error) => ({ code: error.code, message: error.message })

// Loads the addon first, because the other user may have no access to it.
await connect(connectTo).then((channel) => channel.destroy(), codeOf)
process.setgid(Number(uid))
process.setuid(Number(uid))

const listened = await listen(listenAt).then((server) => server.close().then(() => 'listened'), codeOf)
const connected = await connect(connectTo).then((channel) => channel.close().then(() => 'connected'), codeOf)
console.log(JSON.stringify({ listened, connected }))
