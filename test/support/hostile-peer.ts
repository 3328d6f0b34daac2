import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { FrameParser } from '../../src/control/frame-parser.js'
import { FrameKind } from '../../src/control/frames.js'
import { PREAMBLE_BYTES } from '../../src/control/preamble.js'

/** Makes connected pairs of Unix sockets for a long run: one listener, and nothing kept of a pair. */
export class SocketPairs {
  readonly #listener: Server
  readonly #path: string

  private constructor(listener: Server, path: string) {
    this.#listener = listener
    this.#path = path
  }

  static async in(directory: string): Promise<SocketPairs> {
    const path = join(directory, 'pairs')
    const listener = createServer({ pauseOnConnect: true })
    listener.listen(path)
    await once(listener, 'listening')
    return new SocketPairs(listener, path)
  }

  /** The accepted one is paused, as `listen` gets it. One at a time. */
  async next(): Promise<{ connecting: Socket; accepted: Socket }> {
    const accepted = once(this.#listener, 'connection') as Promise<[Socket]>
    const connecting = connect({ path: this.#path })
    return { connecting, accepted: (await accepted)[0] }
  }

  async close(): Promise<void> {
    this.#listener.close()
    await once(this.#listener, 'close')
  }
}

/** Reads what the side under test says, which is honest, and says whatever it is told to say. */
export class HostilePeer {
  readonly socket: Socket
  readonly #parser = new FrameParser(() => 1 << 20)
  #greeted = false
  #ended = false
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      this.#parser.push(chunk)
      this.#wake?.()
    })
    for (const event of ['end', 'close']) {
      socket.on(event, () => {
        this.#ended = true
        this.#wake?.()
      })
    }
    socket.resume()
  }

  /** The payload of the next frame of this kind; undefined when the side under test hung up before. */
  async frame(kind: number): Promise<Buffer | undefined> {
    for (;;) {
      const found = this.#look(kind)
      if (found !== undefined) return found
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** The side under test has made up its mind: what is still waited for does not come, though the socket may be open. */
  giveUp(): void {
    this.#ended = true
    this.#wake?.()
  }

  #look(wanted: number): Buffer | undefined {
    if (!this.#greeted) {
      if (this.#parser.take(PREAMBLE_BYTES) === undefined) return undefined
      this.#greeted = true
    }
    let found: Buffer | undefined
    this.#parser.parse((kind, _id, payload) => {
      if (kind === wanted) found = payload
      return found === undefined
    })
    return found
  }
}

/** The token in a server's OFFER of shared memory. */
export async function offeredToken(peer: HostilePeer): Promise<Buffer | undefined> {
  const payload = await peer.frame(FrameKind.OFFER)
  if (payload === undefined) return undefined
  const { token } = JSON.parse(payload.toString()) as { token?: string }
  return token === undefined ? undefined : Buffer.from(token, 'hex')
}
