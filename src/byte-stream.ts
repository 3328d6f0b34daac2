import type { Duplex } from 'node:stream'
import type { Peer } from './peer.js'

/** A connected stream of bytes: a socket, or any other Duplex. A stream without `ref` and `unref` does not keep the process alive. */
export interface ByteStream extends Duplex {
  ref?(): unknown
  unref?(): unknown
  /** The process at the other end, if the stream itself knows it. */
  readonly knownPeer?: Peer | undefined
  /** How the process at the other end has ended. Undefined: it still runs. The answer can be known only after the end of the stream. */
  readonly explainEnd?: (() => Promise<string | undefined>) | undefined
}
