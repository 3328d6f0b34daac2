/**
 * Asks a server for the counters of its process, without a channel.
 *
 *   preamble, DESCRIBE →   ← preamble, DESCRIPTION   OBSERVE →   ← SNAPSHOT     (← DESCRIPTION after each change)
 */
import { createConnection } from 'node:net'
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { Snapshot } from '../observe/figures.js'
import { readSnapshot } from '../observe/read-snapshot.js'
import type { Peer } from '../peer.js'
import { FrameKind } from '../wire/frames.js'
import { versionFault } from '../wire/preamble.js'
import { admitPeer } from './admit-peer.js'
import { type Description, readDescription } from './description.js'
import { type HandshakeConnection, runHandshake } from './handshake-connection.js'
import type { ObserveOptions } from './observe-server.js'
import { refuseOrDestroy } from './refuse-descriptors.js'

/** A server that announces services all the time must not keep its client waiting. */
const DESCRIPTIONS_MAX = 100

/** The description of a server, and the counters of its process. */
export interface ObservedServer {
  readonly description: Description
  readonly peer: Peer
  readonly snapshot: Snapshot
}

/**
 * Connects to the control socket `path`, and asks once. Rejects like a client's handshake, with `UNAVAILABLE` if the server does not answer
 * such questions, and with `CORRUPT` for an answer that is not a snapshot.
 */
export async function requestSnapshot(path: string, options: ObserveOptions): Promise<ObservedServer> {
  const socket = createConnection({ path })
  refuseOrDestroy(socket, options.native)
  return requestSnapshotOver(socket, options)
}

/** The same on a socket that is connected or still connecting. */
export async function requestSnapshotOver(
  socket: ByteStream,
  options: ObserveOptions,
): Promise<ObservedServer> {
  try {
    return await runHandshake(socket, options, (connection) => ask(connection, options))
  } finally {
    socket.destroy()
  }
}

async function ask(connection: HandshakeConnection, options: ObserveOptions): Promise<ObservedServer> {
  connection.sendPreamble()
  connection.send(FrameKind.DESCRIBE, { pid: process.pid })
  const fault = versionFault(await connection.preamble())
  if (fault !== undefined) throw fault
  let description = readDescription((await connection.next([FrameKind.DESCRIPTION])).payload)
  const { settings, native } = options
  const { peer } = admitPeer(connection, { settings, native, transport: 'unix' }, description.pid)
  if (!description.observe)
    throw new ShmwireError(
      ErrorCode.UNAVAILABLE,
      'the server does not show its counters: it has the option observe: false, runs as another user, or has an older version',
    )
  connection.send(FrameKind.OBSERVE)
  for (let count = 0; count < DESCRIPTIONS_MAX; count += 1) {
    const { kind, payload } = await connection.next([FrameKind.SNAPSHOT, FrameKind.DESCRIPTION])
    if (kind === FrameKind.SNAPSHOT) return { description, peer, snapshot: readSnapshot(payload) }
    description = readDescription(payload)
  }
  throw new ShmwireError(
    ErrorCode.CORRUPT,
    `the server sent ${DESCRIPTIONS_MAX} descriptions instead of a snapshot`,
  )
}
