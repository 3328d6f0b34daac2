import { resolve as resolvePath } from 'node:path'
import { ErrorCode, replaceExecuted, ShmwireError } from '../../errors.js'
import { setImmediate } from '../../host.js'
import { log } from '../../log/log.js'
import type { Logger } from '../../log/logger.js'
import type { JobChange, JobStore, StoredQueue } from '../../messaging/queue/job-store.js'
import { textOfThrown } from '../../uncaught.js'
import { ByteWriter } from './byte-writer.js'
import { writeChange } from './change-batch.js'
import { InlineBackend } from './inline-backend.js'
import { SnapshotReader } from './snapshot.js'
import { damaged } from './sqlite-fault.js'
import type { StoreBackend, StorePlace } from './store-backend.js'
import { ThreadBackend } from './thread-backend.js'
import { workerFile } from './worker-file.js'

/** A longer transaction would make the log longer than the file needs. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024
/** Between copies, pages that change often are written to the log only. */
const CHECKPOINT_PAGES = 4096
const BATCH_BYTES_INITIAL = 16 * 1024
/** SQLite keeps at most 10^9 bytes in a row; the rest is for the other parts of the record. */
const JOB_BYTES_MAX = 1_000_000_000 - 64 * 1024

export interface SqliteStoreOptions {
  /** The name of the codec of the jobs. A file with jobs of another codec is refused. Default: the empty name. */
  readonly codec?: string | undefined
  /** Receives a line if the store has no thread of its own. Default: none. */
  readonly logger?: Logger | undefined
  /** Pages of the log that are copied to the file together. Default 4,096, which are 16 MiB. */
  readonly checkpointPages?: number | undefined
  /** Default: a thread, unless there is no file for it. */
  readonly thread?: boolean | undefined
}

/** The changes of one transaction. */
interface Batch {
  readonly writer: ByteWriter
  readonly waiting: { readonly resolve: () => void; readonly reject: (error: ShmwireError) => void }[]
}

/**
 * A store in a file of SQLite. Changes that arrive while a transaction waits for the disk share the next one, so the number of transactions does
 * not depend on the number of jobs.
 *
 * Invariants
 *  1. Transactions are committed in the order of `write`, one at a time.
 *  2. All changes of one `write` are in one transaction.
 *  3. No transaction follows one that failed: after a failed fsync, the kernel may have dropped the data.
 */
export class SqliteStore implements JobStore {
  readonly jobBytesMax = JOB_BYTES_MAX
  readonly #backend: StoreBackend
  readonly #path: string
  readonly #batches: Batch[] = []
  #loading: Promise<void> | undefined
  #failure: ShmwireError | undefined
  #running: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #commits = 0

  constructor(path: string, options: SqliteStoreOptions = {}) {
    this.#path = resolvePath(path)
    const { codec = '', checkpointPages = CHECKPOINT_PAGES } = options
    this.#backend = backendOf({ path: this.#path, codec, checkpointPages }, options)
  }

  /** The transactions that have been committed. */
  get commits(): number {
    return this.#commits
  }

  load(): Promise<StoredQueue> {
    const loaded = this.#load()
    // Without the result, which would stay in memory.
    this.#loading = loaded.then(
      () => {},
      () => {},
    )
    return loaded
  }

  async #load(): Promise<StoredQueue> {
    const reader = new SnapshotReader()
    let fault: unknown
    try {
      await this.#backend.load((part) => {
        // The caller is an event of the thread.
        try {
          reader.add(part)
        } catch (error) {
          fault ??= error
        }
      })
      if (fault !== undefined) throw damaged(this.#path, textOfThrown(fault))
      return reader.result()
    } catch (error) {
      // The first error says more.
      await this.#backend.close().catch(() => {})
      this.#closing ??= Promise.resolve()
      throw error
    }
  }

  write(changes: readonly JobChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal()
      if (refusal !== undefined) {
        reject(refusal)
        return
      }
      const { writer, waiting } = this.#openBatch()
      waiting.push({ resolve, reject })
      try {
        for (const change of changes) writeChange(writer, change)
      } catch (cause) {
        // A part of the changes must not be committed with those of others.
        this.#abandon(noMemory(this.#path, cause))
        return
      }
      this.#running ??= this.#run()
    })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#loading
    await this.#running
    await this.#backend.close()
  }

  #refusal(): ShmwireError | undefined {
    if (this.#failure !== undefined) return replaceExecuted(this.#failure, 'no')
    if (this.#closing === undefined) return undefined
    return new ShmwireError(ErrorCode.CLOSED, `the store ${this.#path} is closed`, { executed: 'no' })
  }

  #openBatch(): Batch {
    const last = this.#batches.at(-1)
    if (last !== undefined && last.writer.length < BATCH_BYTES_MAX) return last
    const batch: Batch = { writer: new ByteWriter(BATCH_BYTES_INITIAL), waiting: [] }
    this.#batches.push(batch)
    return batch
  }

  /** Commits all batches. Never rejects. */
  async #run(): Promise<void> {
    // The other changes of this turn of the event loop share the transaction.
    await new Promise<void>((resolve) => setImmediate(resolve))
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      try {
        await this.#backend.commit(batch.writer.take())
      } catch (error) {
        this.#fail(batch, error as ShmwireError)
        break
      }
      this.#commits += 1
      for (const { resolve } of batch.waiting) resolve()
    }
    this.#running = undefined
  }

  /** Whether the changes of the batch are on disk is not known. Those of later ones are not. */
  #fail(batch: Batch, error: ShmwireError): void {
    for (const { reject } of batch.waiting) reject(replaceExecuted(error, 'unknown'))
    this.#abandon(error)
  }

  /** Nothing of the batches that wait is on disk. */
  #abandon(error: ShmwireError): void {
    this.#failure ??= error
    for (const { waiting } of this.#batches.splice(0))
      for (const { reject } of waiting) reject(replaceExecuted(error, 'no'))
  }
}

function noMemory(path: string, cause: unknown): ShmwireError {
  return new ShmwireError(
    ErrorCode.OUT_OF_MEMORY,
    `the store ${path} has no memory for the changes of its queue (${textOfThrown(cause)}); push shorter jobs`,
    { cause },
  )
}

function backendOf(place: StorePlace, { thread = true, logger }: SqliteStoreOptions): StoreBackend {
  if (!thread) return new InlineBackend(place)
  const file = workerFile()
  if (file === undefined)
    return withoutThread(place, logger, 'the bundle of the program does not contain its file')
  try {
    return new ThreadBackend(file, place)
  } catch (error) {
    return withoutThread(place, logger, textOfThrown(error))
  }
}

function withoutThread(place: StorePlace, logger: Logger | undefined, reason: string): StoreBackend {
  log(logger, 'store.noThread', () => ({ path: place.path, reason }))
  return new InlineBackend(place)
}
