// The process of the service: SQLite behind one implementation, at a name of this machine and at a port with mutual TLS.
//
//   node examples/users/service.mjs FOLDER HOST      FOLDER has the certificates of certificates.mjs, and gets users.db
import { join } from 'node:path'
import { serve } from 'shmwire'
import { tlsOf } from './certificates.mjs'
import { Users } from './contract.mjs'
import { openUsers } from './database.mjs'
import { userHandlers } from './handlers.mjs'
import { whenStopped } from './processes.mjs'

const [folder, host] = process.argv.slice(2)
const users = await openUsers(join(folder, 'users.db'))
const handlers = userHandlers(users)

// Shared memory, and Unix sockets for callers without it.
const local = await serve('users', handlers, { contract: Users })
const remote = await serve(`tls://${host}:0`, handlers, {
  contract: Users,
  channel: { tls: tlsOf(folder, 'service') },
})

whenStopped({ tls: remote.server.address }, async () => {
  await Promise.all([local.close(), remote.close()])
  users.close()
})
