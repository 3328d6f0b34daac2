// The process of the service: SQLite behind one implementation, at a name of this machine and at a port with mutual TLS.
//
//   node examples/users/service.mjs FOLDER HOST      FOLDER has the certificates of certificates.mjs, and gets users.db
import { join } from 'node:path'
import { client, createQueue, createTopic, serve, work } from 'shmwire'
import { tlsOf } from './certificates.mjs'
import { Users } from './contract.mjs'
import { openUsers } from './database.mjs'
import { requestHandler, userHandlers } from './handlers.mjs'
import { whenStopped } from './processes.mjs'

const [folder, host] = process.argv.slice(2)
const users = await openUsers(join(folder, 'users.db'))
// An event for each user that is created, also for programs that begin to read later.
const events = await createTopic('users-events')
const handlers = userHandlers(users, (user) => events.publish(user, { key: 'user.created' }))

// Shared memory, and Unix sockets for callers without it.
const local = await serve('users', handlers, { contract: Users })
const remote = await serve(`tls://${host}:0`, handlers, {
  contract: Users,
  channel: { tls: tlsOf(folder, 'service') },
})

// Requests that wait in a queue until this worker takes them. It passes them to the service, which checks them.
const queue = await createQueue('users-requests')
const caller = await client('users', { contract: Users })
const worker = await work('users-requests', requestHandler(caller), { concurrency: 50 })

whenStopped({ tls: remote.server.address }, async () => {
  await worker.close()
  await caller.$close()
  await Promise.all([local.close(), remote.close(), queue.close(), events.close()])
  users.close()
})
