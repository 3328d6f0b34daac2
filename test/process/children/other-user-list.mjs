// Becomes another user, then lists the servers of a directory, and of that of plain names, and reports both.
//   other-user-list.mjs <uid> <directory>
import { listen, listServers } from '../../../dist/index.js'

const [uid, directory] = process.argv.slice(2)
// Loads the addon first, because the other user may have no access to it.
await listServers()
process.setgid(Number(uid))
process.setuid(Number(uid))

const own = await listen(`unix:${directory}/own-${uid}`)
own.on('channel', (channel) => channel.destroy())
const outcome = (options) =>
  listServers(options).then(
    (servers) => servers.map(({ name, uid: owner }) => [name, owner]),
    ({ code }) => code,
  )
const all = { directory, authorize: () => true }
console.log(
  JSON.stringify({ plain: await outcome(), chosen: await outcome({ directory }), all: await outcome(all) }),
)
await own.close()
