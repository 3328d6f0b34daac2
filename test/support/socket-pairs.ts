import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

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
