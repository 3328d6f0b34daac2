/**
 * Asks a server for its description, without a channel.
 *
 *   preamble, DESCRIBE →         ← preamble, DESCRIPTION     (← DESCRIPTION after each change)
 */
import { createConnection } from 'node:net'
import type { ByteStream } from '../byte-stream.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { setTimeout } from '../host.js'
import type { NativeLoad } from '../native/load-binding.js'
import type { WaitOptions } from '../options.js'
import type { Peer } from '../peer.js'
import type { FrameParser } from '../wire/frame-parser.js'
import { controlBound, FrameKind } from '../wire/frames.js'
import { versionFault } from '../wire/preamble.js'
import { admitPeer } from './admit-peer.js'
import { type Description, readDescription } from './description.js'
import { type HandshakeConnection, runHandshake } from './handshake-connection.js'
import type { AdmissionSettings } from './identity.js'
import { refuseOrDestroy } from './refuse-descriptors.js'

/** A server that sends descriptions all the time is read so often. */
const READ_AGAIN_MS = 20

export interface ObserveOptions extends WaitOptions {
  readonly settings: AdmissionSettings
  readonly native: NativeLoad
}

/**
 * Connects to the control socket `path`, and holds the connection once the server has described itself. Rejects like a client's
 * handshake: the servers that `connect` refuses are refused here too.
 */
export async function observeServer(path: string, options: ObserveOptions): Promise<Observation> {
  const socket = createConnection({ path })
  refuseOrDestroy(socket, options.native)
  return handshakeAsObserver(socket, options)
}

/** The same on a socket that is connected or still connecting. */
export function handshakeAsObserver(socket: ByteStream, options: ObserveOptions): Promise<Observation> {
  return runHandshake(socket, options, (connection) => describe(connection, options))
}

async function describe(connection: HandshakeConnection, options: ObserveOptions): Promise<Observation> {
  connection.sendPreamble()
  connection.send(FrameKind.DESCRIBE, { pid: process.pid })
  const fault = versionFault(await connection.preamble())
  if (fault !== undefined) throw fault
  const description = readDescription((await connection.next([FrameKind.DESCRIPTION])).payload)
  const { settings, native } = options
  const { peer } = admitPeer(connection, { settings, native, transport: 'unix' }, description.pid)
  return new Observation(connection.socket, connection.parser, description, peer)
}

/** An open connection to a server that has described itself. */
export class Observation {
  readonly description: Description
  readonly peer: Peer
  readonly #socket: ByteStream
  readonly #parser: FrameParser

  /** Only `observeServer` creates observations. */
  constructor(socket: ByteStream, parser: FrameParser, description: Description, peer: Peer) {
    this.#socket = socket
    this.#parser = parser
    this.description = description
    this.peer = peer
  }

  /**
   * Calls `onDescription` with each further description. Resolves when the connection ends: the server has closed it or ended, or `end`
   * was called. A server that breaks the protocol loses the connection. The connection does not keep the process alive.
   */
  follow(onDescription: (description: Description) => void): Promise<void> {
    const socket = this.#socket
    this.#parser.bound = controlBound([FrameKind.DESCRIPTION])
    return new Promise((resolve) => {
      const read = (): void => {
        try {
          const latest = this.#latest()
          if (latest !== undefined) onDescription(latest)
        } catch {
          socket.destroy()
        }
      }
      socket.once('close', () => resolve())
      socket.on('data', (chunk: Buffer) => {
        this.#parser.push(chunk)
        socket.pause()
        setTimeout(() => socket.resume(), READ_AGAIN_MS).unref()
        read()
      })
      socket.unref?.()
      read()
      if (socket.destroyed) resolve()
      else socket.resume()
    })
  }

  end(): void {
    this.#socket.destroy()
  }

  #latest(): Description | undefined {
    let latest: Description | undefined
    this.#parser.parse((_kind, _id, payload) => {
      latest = readDescription(payload)
      return true
    })
    if (latest === undefined || latest.id === this.description.id) return latest
    throw new ShmwireError(ErrorCode.CORRUPT, 'the server changed its id during a connection')
  }
}
