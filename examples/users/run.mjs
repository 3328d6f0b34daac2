// Starts the service and its gateways, calls the service through every path, and compares the bytes that arrive.
//
//   npm run example:users
import { tlsOf } from './certificates.mjs'
import { inRun } from './in-run.mjs'
import { measurePaths } from './measure.mjs'
import { sharedMemory, tlsSocket, unixSocket } from './paths/channels.mjs'
import { grpc, grpcTunnel } from './paths/grpc.mjs'
import { queue, topic } from './paths/messaging.mjs'
import { rest, serverSentEvents } from './paths/rest.mjs'
import { webSocketTunnel } from './paths/websocket.mjs'
import { createUsers } from './sample.mjs'
import { printTable } from './table.mjs'

const HOST = '127.0.0.1'
const USERS = 500
const PATHS = [
  sharedMemory,
  queue,
  topic,
  unixSocket,
  tlsSocket,
  grpcTunnel,
  webSocketTunnel,
  grpc,
  rest,
  serverSentEvents,
]

await inRun(async (run) => {
  const places = {
    ...(await run.start('service.mjs', [HOST])),
    ...(await run.start('gateway.mjs', [HOST])),
  }
  const context = { places, tls: tlsOf(run.folder, 'client'), count: USERS }
  const users = await createUsers(sharedMemory, context, USERS)
  const rows = await measurePaths(PATHS, context, users)
  printTable('One service, called through every path', rows, USERS)
  if (rows.some(({ same }) => !same)) process.exitCode = 1
})
