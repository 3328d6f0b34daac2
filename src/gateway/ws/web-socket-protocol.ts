/** The terms of both ends of a tunnel over a WebSocket. */
import type { ClientOptions } from 'ws'
import { MESSAGE_BYTES_MAX } from '../tunnel/tunnel-message.js'

/** The subprotocol (RFC 6455, section 1.9): each binary message is one message of the tunnel. */
export const SUBPROTOCOL = 'shmwire.v1'

/** Neither end compresses, because the messages are small, and compression needs much memory. Connections answer pings themselves. */
export const WEB_SOCKET_OPTIONS = {
  perMessageDeflate: false,
  maxPayload: MESSAGE_BYTES_MAX,
  autoPong: false,
} as const satisfies ClientOptions

/** The codes with which a connection ends (RFC 6455, section 7.4.1). */
export const CloseCode = { NORMAL: 1000, NOT_BINARY: 1003 } as const
