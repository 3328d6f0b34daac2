// The process on the other machine of two-machines.mjs: it calls the service, and reports what it has measured.
//
//   node examples/users/other-machine.mjs FOLDER PLACES
import { tlsOf } from './certificates.mjs'
import { measurePaths } from './measure.mjs'
import { tlsSocket } from './paths/channels.mjs'
import { grpc, grpcTunnel } from './paths/grpc.mjs'
import { rest, serverSentEvents } from './paths/rest.mjs'
import { webSocketTunnel } from './paths/websocket.mjs'
import { whenStopped } from './processes.mjs'
import { createUsers } from './sample.mjs'

const USERS = 500
const PATHS = [tlsSocket, grpcTunnel, webSocketTunnel, grpc, rest, serverSentEvents]

const [folder, places] = process.argv.slice(2)
const context = { places: JSON.parse(places), tls: tlsOf(folder, 'client') }
const users = await createUsers(grpc, context, USERS)
const rows = await measurePaths(PATHS, context, users)
whenStopped({ rows, users: USERS }, async () => {})
