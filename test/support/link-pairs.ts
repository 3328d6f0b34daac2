import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ByteStream } from '../../src/byte-stream.js'
import { RECORDS_MAX } from '../../src/control/handshake.js'
import type { Link } from '../../src/link/link.js'
import { ShmLink } from '../../src/link/shm/shm-link.js'
import { SocketLink } from '../../src/link/socket/socket-link.js'
import type { NativeBinding, NativeEndpoint } from '../../src/native/binding.js'
import { loadBinding } from '../../src/native/load-binding.js'
import type { WaitMode } from '../../src/options.js'
import type { Peer } from '../../src/peer.js'
import { createInProcessLinks } from '../../src/testing/in-process-link.js'
import type { StreamTransport } from '../../src/transport.js'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { controlBound } from '../../src/wire/frames.js'
import { type JoinStreams, joinUnixSockets } from './stream-pairs.js'

export interface LinkPairOptions {
  readonly ringBytes: number
  readonly maxMessageBytes: number
  readonly wait?: WaitMode
  readonly views?: boolean
  /** Simulates a runtime that allows no buffer over foreign memory. */
  readonly withoutForeignMemory?: boolean
}

/** Creates two joined links for the suite. */
export type JoinLinks = (options: LinkPairOptions) => Promise<[Link, Link]>

const PEER: Peer = { pid: process.pid, uid: undefined, gid: undefined, verified: false }

export const joinInProcessLinks: JoinLinks = async ({ ringBytes }) => createInProcessLinks(ringBytes)

/** Joins links over any pair of streams. */
export function joinLinksOver(transport: StreamTransport, joinStreams: JoinStreams): JoinLinks {
  return async ({ ringBytes: capacityBytes, maxMessageBytes }) => {
    const make = (socket: ByteStream) =>
      new SocketLink({ transport, socket, parser: newParser(), peer: PEER, maxMessageBytes, capacityBytes })
    const [left, right] = await joinStreams()
    return [make(left), make(right)]
  }
}

export const joinShmLinks: JoinLinks = async (options) => {
  const { ringBytes, maxMessageBytes, wait = 'adaptive', views = false } = options
  const binding = needBinding()
  const make = (socket: Socket, endpoint: NativeEndpoint) =>
    new ShmLink({
      socket,
      parser: newParser(),
      peer: PEER,
      binding,
      endpoint: options.withoutForeignMemory === true ? hideMemory(endpoint) : endpoint,
      ringBytes,
      wait,
      spinMicros: 100,
      views,
    })
  const newEndpoint = (memoryId: Uint8Array) =>
    new binding.Endpoint({ ringBytes, maxMessageBytes, recordsMax: RECORDS_MAX, memoryId })
  const token = randomBytes(16)
  const [left, right] = [newEndpoint(token), newEndpoint(token.map((byte) => ~byte))]
  inTemporaryDirectory((directory) => {
    const path = join(directory, 'fd')
    const handoverSocket = new binding.HandoverSocket(path)
    handoverSocket.expect(token)
    left.offerHandles(path, token)
    right.acceptHandles(handoverSocket, token)
    left.attachPeer()
    handoverSocket.close()
  })
  const [leftSocket, rightSocket] = (await joinUnixSockets()) as [Socket, Socket]
  return [make(leftSocket, left), make(rightSocket, right)]
}

function hideMemory(endpoint: NativeEndpoint): NativeEndpoint {
  return new Proxy(endpoint, {
    get(target, name) {
      if (name === 'ownMemory' || name === 'peerMemory') return () => undefined
      const value: unknown = Reflect.get(target, name, target)
      // A proxy must not replace its own functions, which are constant and already bound.
      const isMethod = typeof value === 'function' && !Object.hasOwn(target, name)
      return isMethod ? value.bind(target) : value
    },
  })
}

export function needBinding(): NativeBinding {
  const native = loadBinding()
  if ('binding' in native) return native.binding
  throw new Error(`these tests need the addon: ${native.unavailable}`)
}

function newParser(): FrameParser {
  return new FrameParser(controlBound([]))
}

function inTemporaryDirectory(body: (directory: string) => void): void {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  try {
    body(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
