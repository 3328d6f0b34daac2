/** The carriers that are a stream of bytes: the handshake runs over them, and records travel as frames. */
export type StreamTransport = 'unix' | 'tcp' | 'tls' | 'pipe' | 'stdio' | 'stream' | 'grpc'

/** The carrier of a channel's records. */
export type Transport = 'shm' | StreamTransport
