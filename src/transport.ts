/** The carriers that are a stream of bytes: the handshake runs over them, and records travel as frames. */
export type StreamTransport = 'unix' | 'tcp' | 'tls' | 'pipe' | 'stdio' | 'stream' | TunnelTransport

/** The carriers of tunnels: a connection to a gateway over gRPC, or a WebSocket. */
export type TunnelTransport = 'grpc' | 'ws'

/** The carrier of a channel's records. */
export type Transport = 'shm' | StreamTransport
