import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { socketPath } from './local-address.js'

/** Creates connected pairs of Unix sockets for a long run, with one listener, and keeps no reference to a pair. */
export class SocketPairs {
  readonly #listener: Server
  readonly #path: string
  /** Callers that wait for a connection, in the order of connecting, which is the order of accepting. */
  readonly #waiting: ((accepted: Socket) => void)[] = []

  private constructor(listener: Server, path: string) {
    this.#listener = listener
    listener.on('connection', (accepted) => this.#waiting.shift()?.(accepted))
    this.#path = path
  }

  static async in(directory: string): Promise<SocketPairs> {
    const path = socketPath(directory, 'pairs')
    const listener = createServer({ pauseOnConnect: true })
    listener.listen(path)
    await once(listener, 'listening')
    return new SocketPairs(listener, path)
  }

  /** The accepted socket is paused, as in `listen`. */
  async next(): Promise<{ connecting: Socket; accepted: Socket }> {
    const connecting = connect({ path: this.#path })
    const accepted = await new Promise<Socket>((resolve) => this.#waiting.push(resolve))
    return { connecting, accepted }
  }

  async close(): Promise<void> {
    this.#listener.close()
    await once(this.#listener, 'close')
  }
}
