import type { Socket } from 'node:net'
import type { LinkSink } from '../../src/link/link.js'
import { SocketLink } from '../../src/link/socket/socket-link.js'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { recordBound } from '../../src/wire/frames.js'

export interface EndBounds {
  readonly maxMessageBytes: number
  readonly capacityBytes: number
}

/** A link over the socket, as after a handshake. */
export function socketLink(socket: Socket, bounds: EndBounds): SocketLink {
  socket.on('error', () => {})
  return new SocketLink({
    transport: 'unix',
    socket,
    parser: new FrameParser(recordBound(bounds.maxMessageBytes)),
    peer: { pid: 1, uid: 1, gid: 1, verified: true },
    ...bounds,
  })
}

export class EndSink implements LinkSink {
  /** The ids of the records. */
  readonly records: number[] = []
  readonly payloads: Buffer[] = []
  readonly ends: (string | undefined)[] = []
  wants = true
  drains = 0

  record(_kind: number, id: number, payload: Buffer): boolean {
    this.records.push(id)
    this.payloads.push(payload)
    return this.wants
  }

  drain(): void {
    this.drains += 1
  }

  close(error?: { code: string }): void {
    this.ends.push(error?.code)
  }
}

export interface SocketEnd {
  readonly link: SocketLink
  readonly sink: EndSink
  readonly socket: Socket
}

export function endOver(socket: Socket, bounds: EndBounds): SocketEnd {
  const link = socketLink(socket, bounds)
  const sink = new EndSink()
  link.start(sink)
  return { link, sink, socket }
}

/** As in a runtime that does not show it, and for a pipe of Windows: the stream writes all bytes. Returns the handle, for showing it again. */
export function hideDescriptor(socket: Socket): Record<string, unknown> {
  const handle = (socket as unknown as { _handle: Record<string, unknown> })._handle
  return Object.defineProperty(handle, 'fd', { value: -1 })
}
