/** Names that belong to HTTP and gRPC themselves, or to shmwire. HTTP/2 forbids some of them. */
const RESERVED =
  /^(?::|grpc-|shmwire-|(?:accept-encoding|connection|content-length|content-type|date|host|http2-settings|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|user-agent)$)/

/** Whether metadata cannot have this name. */
export function isReservedName(name: string): boolean {
  return RESERVED.test(name)
}
