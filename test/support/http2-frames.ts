import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export const Frame = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

export const Flag = { NONE: 0, END_STREAM: 1, ACK: 1, END_HEADERS: 4 } as const

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const HEAD_BYTES = 9

/** A frame that has arrived. */
export interface ReceivedFrame {
  readonly type: number
  readonly flags: number
  readonly stream: number
  readonly payload: Buffer
}

export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Buffer = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A value of SETTINGS. */
export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6)
  bytes.writeUInt16BE(id)
  bytes.writeUInt32BE(value, 2)
  return bytes
}

/** Header fields in HPACK: literals without an index and without Huffman codes. */
export function headerBlock(fields: readonly (readonly [name: string, value: string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.of(0), text(name), text(value)]))
}

/** The fields of a call of gRPC. */
export function callFields(
  path: string,
  ...more: readonly (readonly [name: string, value: string])[]
): (readonly [string, string])[] {
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'localhost'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...more,
  ]
}

/** The headers that begin a call of gRPC. */
export function openCall(stream: number, path: string, flags: number = Flag.NONE): Buffer {
  return frame(Frame.HEADERS, Flag.END_HEADERS | flags, stream, headerBlock(callFields(path)))
}

/** The prefix of a message of gRPC. */
export function messagePrefix(length: number, compressed = 0): Buffer {
  return Buffer.concat([Buffer.of(compressed), uint32(length)])
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1')
  return Buffer.concat([integer(bytes.length), bytes])
}

/** An integer with a prefix of 7 bits. */
function integer(value: number): Buffer {
  const max = 127
  if (value < max) return Buffer.of(value)
  const bytes = [max]
  let rest = value - max
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
  return Buffer.of(...bytes, rest)
}

/** A client of HTTP/2 that sends any bytes. */
export class RawHttp2Client {
  readonly socket: Socket
  readonly frames: ReceivedFrame[] = []
  readonly closed: Promise<void>
  isClosed = false
  #received = Buffer.alloc(0)

  /** Connects, and sends the preface with these settings. */
  static async open(port: number, settings: Buffer = Buffer.alloc(0)): Promise<RawHttp2Client> {
    const client = new RawHttp2Client(port)
    await new Promise((resolve) => {
      client.socket.once('connect', resolve)
    })
    client.send(PREFACE, frame(Frame.SETTINGS, Flag.NONE, 0, settings))
    return client
  }

  constructor(port: number, localAddress = '127.0.0.1') {
    // Without it, the second of two short writes waits for an acknowledgement.
    this.socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        this.isClosed = true
        resolve()
      })
    })
    // The end of the connection is what the tests expect.
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk) => this.#take(chunk))
    onTestFinished(() => {
      this.socket.destroy()
    })
  }

  send(...frames: readonly Buffer[]): boolean {
    return this.socket.write(Buffer.concat(frames))
  }

  /** Sends what `next` returns until the connection has ended or `count` times; waits while the peer reads nothing, but not for ever. */
  async flood(count: number, next: (index: number) => Buffer): Promise<void> {
    for (let index = 0; index < count && !this.isClosed; index += 1) {
      if (this.send(next(index))) {
        if (index % 64 === 0)
          await new Promise((resolve) => {
            setImmediate(resolve)
          })
        continue
      }
      await this.#room()
    }
  }

  of(type: number): ReceivedFrame[] {
    return this.frames.filter((received) => received.type === type)
  }

  async #room(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    let end: () => void
    await new Promise<void>((resolve) => {
      end = resolve
      timer = setTimeout(end, 1_000)
      this.socket.once('drain', end).once('close', end)
    }).finally(() => {
      clearTimeout(timer)
      this.socket.off('drain', end).off('close', end)
    })
  }

  #take(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#received.readUIntBE(0, 3)
      if (this.#received.length < end) return
      this.frames.push({
        type: this.#received[3] as number,
        flags: this.#received[4] as number,
        stream: this.#received.readUInt32BE(5),
        payload: this.#received.subarray(HEAD_BYTES, end),
      })
      this.#received = this.#received.subarray(end)
    }
  }
}
