import type { NativeLoad } from '../native/load-binding.js'
import type { Settings } from '../options.js'
import type { Agreement } from '../wire/agreement.js'
import type { Link } from './link.js'
import { ShmLink } from './shm/shm-link.js'
import { SocketLink } from './socket/socket-link.js'

export function createLink(agreement: Agreement, settings: Settings, native: NativeLoad): Link {
  const { socket, parser, peer, endpoint, maxMessageBytes } = agreement
  if (endpoint !== undefined && 'binding' in native) {
    const { ringBytes, wait, spinMicros, views } = settings
    return new ShmLink({
      socket,
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
  return new SocketLink({ socket, parser, peer, maxMessageBytes, capacityBytes: settings.ringBytes })
}
