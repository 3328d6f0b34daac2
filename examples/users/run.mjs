// Starts the service and its gateways, calls the service through every path, and compares the bytes that arrive.
//
//   npm run example:users
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tlsOf, writeCertificates } from './certificates.mjs'
import { measurePaths } from './measure.mjs'
import { sharedMemory, tlsSocket, unixSocket } from './paths/channels.mjs'
import { grpc, grpcTunnel } from './paths/grpc.mjs'
import { startProcess, stopProcess } from './processes.mjs'
import { createUsers } from './sample.mjs'
import { printTable } from './table.mjs'

const HOST = '127.0.0.1'
const USERS = 500
const PATHS = [sharedMemory, unixSocket, tlsSocket, grpc, grpcTunnel]

const folder = mkdtempSync(join(tmpdir(), 'shmwire-users-'))
const started = []
let stopping
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => stop().then(() => process.exit(1)))

try {
  await run()
  await stop()
} catch (error) {
  // A stopped run fails, because its processes end.
  if (stopping === undefined) console.error(error)
  await stop()
  // Clients that are open keep a process alive.
  process.exit(1)
}

async function run() {
  // The names of this run are its own.
  process.env.SHMWIRE_DIR = join(folder, 'run')
  mkdirSync(process.env.SHMWIRE_DIR, { mode: 0o700 })
  writeCertificates(folder)
  const places = {}
  for (const file of ['service.mjs', 'gateway.mjs']) {
    const one = await startProcess(file, [folder, HOST])
    started.push(one)
    Object.assign(places, one.places)
  }

  const context = { places, tls: tlsOf(folder, 'client') }
  const users = await createUsers(sharedMemory, context, USERS)
  const rows = await measurePaths(PATHS, context, users)
  printTable('One service, called through every path', rows, USERS)
  if (rows.some(({ same }) => !same)) process.exitCode = 1
}

/** Ends the other processes, the last one first, and deletes all files. */
function stop() {
  stopping ??= (async () => {
    for (const one of started.toReversed()) await stopProcess(one)
    rmSync(folder, { recursive: true, force: true })
  })()
  return stopping
}
