import type { Socket } from 'node:net'
import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import type { Agreement } from '../wire/agreement.js'
import type { Link } from './link.js'
import { longBuffer } from './long-buffers.js'
import { OneWayLink } from './one-way-link.js'
import { ShmLink } from './shm/shm-link.js'
import { SocketLink } from './socket/socket-link.js'

export function createLink(agreement: Agreement, settings: Settings, native: NativeLoad): Link {
  const { transport, direction, heartbeat, socket, parser, peer, endpoint, maxMessageBytes } = agreement
  if (transport === 'shm') {
    if (endpoint === undefined || !('binding' in native))
      throw new Error('unreachable: the handshake has created the endpoint')
    const { ringBytes, wait, spinMicros, views } = settings
    return new ShmLink({
      socket: socket as Socket,
      parser,
      peer,
      endpoint,
      binding: native.binding,
      ringBytes,
      wait,
      spinMicros,
      views,
    })
  }
  const { ringBytes: capacityBytes } = settings
  // With the addon, long messages share the pool of those over shared memory.
  const newBuffer =
    'binding' in native ? (bytes: number): Buffer => longBuffer(native.binding, bytes) : undefined
  const link = new SocketLink({
    transport,
    heartbeat,
    socket,
    parser,
    peer,
    newBuffer,
    maxMessageBytes,
    capacityBytes,
  })
  return direction === undefined ? link : new OneWayLink(direction, link)
}
