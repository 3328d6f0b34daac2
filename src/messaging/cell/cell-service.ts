import { waitWithin } from '../../deadline.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { ServerMemory } from '../../listen.js'
import type { WaitOptions } from '../../options.js'
import type { CallContext } from '../../service/call/call-context.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Handlers } from '../../service/contract/contract-types.js'
import { corrupt, type Frames } from '../attach/control-frame.js'
import { attachAsServer, nextFrame } from '../attach/server-attach.js'
import { carriedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import type { CellStore } from './cell-store.js'
import { TakenVersions } from './taken-versions.js'
import { CELL_VERSION, encodeValue, encodeWelcome, readTaken, readWatch } from './watch-frames.js'
import { WatchSession } from './watch-session.js'

export interface CellServiceOptions {
  readonly epoch: string
  readonly codec: MessageCodec
  readonly store: CellStore
  /** Why the cell has no shared memory; undefined: it has some. */
  readonly obstacle: string | undefined
  readonly memory: () => ServerMemory
}

/** The method `watch` of a cell. */
export class CellService {
  readonly #options: CellServiceOptions
  readonly #sessions = new Set<WatchSession>()
  /** Those without shared memory. */
  readonly #taken = new TakenVersions((session) => {
    ;(session as WatchSession).fail(tooSlow())
    this.#taken.remove(session)
  })
  /** The newest value as a message, for all watchers without shared memory. */
  #frame: { readonly version: number; readonly bytes: Buffer } | undefined
  #closed = false
  #onEmpty: (() => void) | undefined

  constructor(options: CellServiceOptions) {
    this.#options = options
  }

  get watchers(): number {
    return this.#sessions.size
  }

  /** The handlers of the service. */
  handlers(): Handlers<Contract> {
    return {
      watch: (frames: AsyncIterable<Uint8Array>, context) => this.#watch(frames, context),
    }
  }

  /** There is a new version. Resolves when each watcher has it; undefined: at once. */
  changed(): Promise<void> | undefined {
    for (const session of this.#taken.sessions) (session as WatchSession).wake()
    return this.#taken.wait(this.#options.store.version)
  }

  /** Ends the watches after the last version. Those that do not end within the bounds fail. */
  async close(bounds: WaitOptions): Promise<void> {
    this.#closed = true
    // Before the memory closes.
    if (this.#taken.sessions.size > 0) this.#newest()
    this.#options.store.close()
    for (const session of this.#sessions) {
      if (this.#taken.sessions.has(session)) session.wake()
      else session.end()
    }
    try {
      await waitWithin<void>(bounds, 'closing the cell', (resolve) => {
        if (this.#sessions.size === 0) resolve()
        else this.#onEmpty = resolve
        return () => {}
      })
    } finally {
      for (const session of this.#sessions) session.fail(closedCell())
    }
  }

  async *#watch(requests: AsyncIterable<Uint8Array>, context: CallContext): AsyncGenerator<Buffer> {
    try {
      yield* this.#converse(requests[Symbol.asyncIterator](), context)
    } catch (error) {
      throw carriedError(error)
    }
  }

  async *#converse(frames: Frames, context: CallContext): AsyncGenerator<Buffer> {
    const { codec, epoch, obstacle, store } = this.#options
    const hello = readWatch(await nextFrame({ frames }))
    if (hello.version !== CELL_VERSION) throw otherVersion(hello.version)
    codec.assertSame(hello.codec, 'the watcher')
    this.#assertOpen()
    yield encodeWelcome({ epoch, codec: codec.name })
    let reader: number | undefined
    const session = new WatchSession(this.#taken)
    try {
      const attachment = yield* attachAsServer({
        memory: this.#options.memory(),
        context,
        frames,
        obstacle: hello.obstacle ?? obstacle,
        accept: (socket, token) => {
          reader = store.accept(socket, token)
          this.#sessions.add(session)
          return reader
        },
        detach: () => {
          this.#detach(reader)
          reader = undefined
          this.#sessions.delete(session)
        },
      })
      this.#assertOpen()
      this.#sessions.add(session)
      if ('reason' in attachment) yield* this.#feed(session, frames)
      else await this.#attached(session, frames)
    } finally {
      this.#detach(reader)
      this.#remove(session)
    }
  }

  /** The watcher reads shared memory until the watch ends. */
  async #attached(session: WatchSession, frames: Frames): Promise<void> {
    void session.listen(frames, () => {
      throw corrupt('the watcher', 'a message, although it reads shared memory')
    })
    await session.untilEnd()
  }

  /** Sends the newest value, and the next one when the watcher has acknowledged it. So versions in between are skipped. */
  async *#feed(session: WatchSession, frames: Frames): AsyncGenerator<Buffer> {
    this.#taken.add(session)
    // A version whose acknowledgement can still arrive, although a closing cell has sent its last value without waiting for it.
    let overtaken = 0
    void session.listen(frames, (frame) => {
      if (!session.isBehind) throw corrupt('the watcher', 'an acknowledgement of nothing')
      if (readTaken(frame, session.sent, overtaken) === session.sent) session.acknowledge()
      else overtaken = 0
    })
    while (!session.ended) {
      const isNew = session.sent < this.#options.store.version
      if (isNew && (this.#closed || !session.isBehind)) {
        const { version, bytes } = this.#newest()
        if (session.isBehind) overtaken = session.sent
        session.sent = version
        yield bytes
      } else if (this.#closed) break
      else await session.wait()
    }
    session.assertNotFailed()
  }

  #newest(): { readonly version: number; readonly bytes: Buffer } {
    const { store } = this.#options
    if (this.#frame?.version !== store.version)
      this.#frame = { version: store.version, bytes: encodeValue(store.version, store.read()) }
    return this.#frame
  }

  #detach(reader: number | undefined): void {
    if (reader !== undefined) this.#options.store.detach(reader)
  }

  #remove(session: WatchSession): void {
    session.end()
    this.#sessions.delete(session)
    this.#taken.remove(session)
    if (this.#taken.sessions.size === 0 && !this.#closed) this.#frame = undefined
    if (this.#sessions.size === 0) this.#onEmpty?.()
  }

  #assertOpen(): void {
    if (this.#closed) throw closedCell()
  }
}

function otherVersion(version: number): ShmwireError {
  return new ShmwireError(
    ErrorCode.VERSION,
    `the watcher has version ${version} of cells, and the cell ${CELL_VERSION}; install the same version of shmwire on both sides`,
  )
}

function tooSlow(): ShmwireError {
  return new ShmwireError(
    ErrorCode.TIMEOUT,
    'the watcher has not acknowledged a value for 5 seconds; it watches again when it can',
  )
}

export function closedCell(): ShmwireError {
  return new ShmwireError(ErrorCode.CLOSED, 'the cell is closed')
}
