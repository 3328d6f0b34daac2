import { EventEmitter } from 'node:events'
import { join } from 'node:path'
import { waitWithin } from '../deadline.js'
import { clearTimeout, nextTick, nowMs, setTimeout } from '../host.js'
import { notifyLateListeners } from '../late-listeners.js'
import { log } from '../log/log.js'
import type { WaitOptions } from '../options.js'
import { Semaphore } from '../semaphore.js'
import { runApart } from '../uncaught.js'
import { DirectoryWatch } from './directory-watch.js'
import { type DiscoveryOptions, listNames, type Place, type PublishedName, resolvePlace } from './place.js'
import { type ServerChange, ServerChanges } from './server-changes.js'
import type { ServerInfo } from './server-info.js'
import { WatchedServer } from './watched-server.js'

export interface ServerWatcherEvents {
  /** A server answers that did not before. A restarted server causes `down` and then `up`. */
  up: [server: ServerInfo]
  /** A server announces other services. */
  change: [server: ServerInfo]
  /** A server has closed or died, or does not answer any more. */
  down: [server: ServerInfo]
  /** The watcher has ended. With an error, unless `close` was called. Always the last event, once. */
  close: [error: Error | undefined]
}

/** Each one costs a descriptor, here and in its server. */
const SERVERS_MAX = 4_096
const ATTEMPTS_AT_ONCE = 128
/** The directory is read so often at most, and for a tenth of the time. */
const READ_AGAIN_MS = 20
const READ_PAUSES = 9

/**
 * Watches for servers that come and go. Resolves when each server that is there now has answered, or has not answered in time; see
 * `watcher.servers`. The events follow.
 *
 * @throws `INVALID_ARGUMENT`, `DENIED`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`
 */
export async function watchServers(options: DiscoveryOptions & WaitOptions = {}): Promise<ServerWatcher> {
  const place = resolvePlace(options)
  const { signal, timeoutMs } = options
  return waitWithin<ServerWatcher>({ signal, timeoutMs }, 'finding the servers', (resolve) => {
    const watcher = new ServerWatcher(place, () => resolve(watcher))
    return () => void watcher.close()
  })
}

/** Reports the servers that come and go. It keeps the process alive until it is closed, or `unref()` is called. */
export class ServerWatcher extends EventEmitter<ServerWatcherEvents> implements AsyncDisposable {
  readonly #place: Place
  readonly #watch: DirectoryWatch
  readonly #attempts = new Semaphore(ATTEMPTS_AT_ONCE)
  readonly #changes = new ServerChanges()
  /** By path. */
  readonly #watched = new Map<string, WatchedServer>()
  readonly #over: Promise<void>
  #finish!: () => void
  #closed = false
  #timer: NodeJS.Timeout | undefined
  #readAgainMs = 0
  #isFull = false

  /** Only `watchServers` creates watchers. `onReady`: the first servers have answered, or have not in time. Throws as `watchServers` rejects. */
  constructor(place: Place, onReady: () => void) {
    super()
    this.#place = place
    this.#watch = new DirectoryWatch(place.directory, (file) => this.#onFile(file))
    this.#over = new Promise((resolve) => {
      this.#finish = resolve
    })
    try {
      this.#read()
    } catch (error) {
      this.#end(error as Error)
      throw error
    }
    void Promise.all([...this.#watched.values()].map(({ settled }) => settled)).then(onReady)
  }

  /** The servers that answer, in no order. */
  get servers(): readonly ServerInfo[] {
    return this.#changes.servers
  }

  /**
   * Yields each server that answers now, as `'up'`, and then each change. The loop ends when the watcher closes. A slow loop misses servers
   * that came and went meanwhile. Several loops can run.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<ServerChange, undefined> {
    return this.#changes.iterate()
  }

  /** Ends the watcher and its loops. Emits no `down`. Idempotent. */
  close(): Promise<void> {
    this.#end(undefined)
    return this.#over
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** The watcher keeps the process alive, which is the default. */
  ref(): this {
    this.#watch.ref()
    return this
  }

  /** The process may end while the watcher is open, except while it waits for the answer of a server. */
  unref(): this {
    this.#watch.unref()
    return this
  }

  /** A file of the directory has changed. */
  #onFile(file: string | undefined): void {
    if (this.#closed) return
    if (file === undefined) for (const server of this.#watched.values()) server.recheck(true)
    else this.#watched.get(join(this.#place.directory, file))?.recheck(true)
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => this.#readApart(), Math.max(0, this.#readAgainMs - nowMs())).unref()
  }

  #readApart(): void {
    this.#timer = undefined
    try {
      this.#read()
    } catch (error) {
      this.#end(error as Error)
    }
  }

  #read(): void {
    const beginMs = nowMs()
    // Before the list, so that a later change is reported.
    const isOther = this.#watch.follow()
    const names = listNames(this.#place)
    const paths = new Set(names.map(({ path }) => path))
    for (const [path, server] of this.#watched) {
      if (!paths.has(path)) this.#forget(path, server)
      // The system drops reports when there are too many. Nothing reported the files of another directory.
      else if (isOther || !server.isUp) server.recheck(false)
    }
    for (const name of names) if (!this.#watched.has(name.path)) this.#add(name)
    const endMs = nowMs()
    this.#readAgainMs = endMs + Math.max(READ_AGAIN_MS, READ_PAUSES * (endMs - beginMs))
  }

  #add(name: PublishedName): void {
    const { logger } = this.#place.settings
    if (this.#watched.size >= SERVERS_MAX) {
      if (!this.#isFull)
        log(logger, 'servers.tooMany', () => ({
          path: this.#place.directory,
          limit: SERVERS_MAX,
        }))
      this.#isFull = true
      return
    }
    const server = new WatchedServer({
      name,
      place: this.#place,
      attempts: this.#attempts,
      onAnswer: (answer) => {
        if (this.#closed) return
        for (const { type, server: info } of this.#changes.set(name.address, answer))
          runApart(() => this.emit(type, info))
      },
    })
    this.#watched.set(name.path, server)
  }

  #forget(path: string, server: WatchedServer): void {
    this.#watched.delete(path)
    this.#isFull = false
    server.stop()
  }

  #end(error: Error | undefined): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#timer)
    this.#watch.close()
    this.#changes.end(error)
    for (const server of this.#watched.values()) server.stop()
    nextTick(() => {
      this.#finish()
      notifyLateListeners(this, 'close', error)
      this.emit('close', error)
    })
  }
}
