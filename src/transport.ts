/** The carriers that are a stream of bytes: the handshake runs over them, and records travel as frames. */
export type StreamTransport = 'unix' | 'tcp' | 'tls' | 'pipe' | 'stdio' | 'stream' | TunnelTransport

/** Whether the carrier connects processes of this machine, and the system keeps other users out or identifies them. */
export function isLocal(transport: StreamTransport): boolean {
  return transport === 'unix' || transport === 'pipe'
}

/** The carriers of tunnels: a connection to a gateway over gRPC, or a WebSocket. */
export type TunnelTransport = 'grpc' | 'ws'

/** The carrier of a channel's records. */
export type Transport = 'shm' | StreamTransport
