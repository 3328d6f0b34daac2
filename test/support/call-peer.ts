import { once } from 'node:events'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { FrameParser } from '../../src/wire/frame-parser.js'
import { encodeControlFrame, encodeFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble, PREAMBLE_BYTES } from '../../src/wire/preamble.js'
import { separated } from './call-bytes.js'
import { eventually } from './turns.js'

const COMMON = {
  features: ['calls'],
  codec: 'msgpack',
  maxMessageBytes: 1 << 20,
  ringBytes: 65_536,
  pid: process.pid,
}
const HELLO = { ...COMMON, transport: 'socket', shm: 'a test' }
const OFFER = { ...COMMON, transport: 'socket', reason: 'a test' }
/** Bytes that wait in this process before the attack pauses. */
const WAITING_BYTES_MAX = 1 << 20
/** Records of one write. */
const BATCH = 500

export interface Received {
  readonly kind: number
  readonly id: number
  readonly payload: Buffer
}

/**
 * One end of a channel over the socket that sends any records, allowed or not. The handshake is by the protocol. It receives the messages of a
 * batch as records of their own.
 */
export class CallPeer {
  readonly socket: Socket
  /** The records of the victim, without those that `onRecord` takes. */
  readonly received: Received[] = []
  /** Called instead for each record. */
  onRecord: ((record: Received) => void) | undefined
  /** The victim has ended the channel. */
  closed = false
  readonly #parser = new FrameParser(() => 1 << 26)
  #greeted = false

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
    })
    socket.on('data', (chunk) => this.#read(chunk))
  }

  /** Connects to a server. */
  static async connect(path: string, hello: object = {}): Promise<CallPeer> {
    const peer = new CallPeer(createConnection({ path }))
    peer.socket.write(encodePreamble())
    peer.socket.write(encodeControlFrame(FrameKind.HELLO, { ...HELLO, ...hello }))
    const offer = await peer.next()
    if (offer.kind !== FrameKind.OFFER) throw new Error(`instead of OFFER: ${offer.payload.toString()}`)
    peer.socket.write(encodeControlFrame(FrameKind.READY, {}))
    return peer
  }

  /** Accepts one client of a server. */
  static async accept(server: Server, offer: object = {}): Promise<CallPeer> {
    const [socket] = (await once(server, 'connection')) as [Socket]
    const peer = new CallPeer(socket)
    await peer.next()
    socket.write(encodePreamble())
    socket.write(encodeControlFrame(FrameKind.OFFER, { ...OFFER, ...offer }))
    await peer.next()
    return peer
  }

  /** Listens for clients of `accept`. */
  static async listen(path: string): Promise<Server> {
    const server = createServer()
    server.listen(path)
    await once(server, 'listening')
    return server
  }

  send(kind: number, id: number, payload: Uint8Array = Buffer.alloc(0)): this {
    this.socket.write(encodeFrame(kind, id, payload))
    return this
  }

  /** Sends the records as fast as the victim reads them, until it ends the channel. Returns their number. Pauses unless `mayGoOn`. */
  async flood(
    records: Iterable<Uint8Array>,
    mayGoOn: (sent: number) => boolean = () => true,
  ): Promise<number> {
    let count = 0
    let batch: Uint8Array[] = []
    for (const record of records) {
      count += 1
      batch.push(record)
      if (batch.length < BATCH) continue
      this.socket.write(Buffer.concat(batch))
      batch = []
      if (this.socket.writableLength > WAITING_BYTES_MAX || !mayGoOn(count))
        await eventually(
          () => this.socket.destroyed || (this.socket.writableLength < WAITING_BYTES_MAX && mayGoOn(count)),
        )
      // The event `close` comes later, and a destroyed socket takes any number of writes.
      if (this.socket.destroyed) break
    }
    this.socket.write(Buffer.concat(batch))
    return count
  }

  /** The next record, or frame of the handshake. */
  async next(): Promise<Received> {
    await eventually(() => this.received.length > 0 || this.closed)
    const record = this.received.shift()
    if (record === undefined) throw new Error('the victim has ended the channel')
    return record
  }

  /** Reads nothing any more. */
  stopReading(): void {
    this.socket.pause()
  }

  async ended(): Promise<void> {
    this.socket.resume()
    await eventually(() => this.closed)
  }

  close(): void {
    this.socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#parser.push(chunk)
    if (!this.#greeted) {
      if (this.#parser.take(PREAMBLE_BYTES) === undefined) return
      this.#greeted = true
    }
    this.#parser.parse((kind, id, payload) => {
      for (const record of separated({ kind, id, payload })) {
        if (this.onRecord === undefined || kind > 255) this.received.push(record)
        else this.onRecord(record)
      }
      return true
    })
  }
}
