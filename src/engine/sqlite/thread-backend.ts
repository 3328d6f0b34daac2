import { Worker } from 'node:worker_threads'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { textOfThrown } from '../../uncaught.js'
import type { StoreBackend, StorePlace } from './store-backend.js'
import type { StoreReply, StoreRequest } from './thread-messages.js'

interface Pending {
  readonly onPart: (part: Uint8Array) => void
  readonly resolve: () => void
  readonly reject: (error: ShmwireError) => void
}

/** A store in a thread of its own. The thread keeps the process alive only while it works. */
export class ThreadBackend implements StoreBackend {
  readonly #worker: Worker
  readonly #path: string
  #pending: Pending | undefined
  #ended: ShmwireError | undefined
  #closing: Promise<void> | undefined

  /** Throws an error of Node.js if threads are not allowed. */
  constructor(file: string, place: StorePlace) {
    this.#path = place.path
    // The options of the program, such as loaders, are not for this thread.
    this.#worker = new Worker(file, { workerData: place, execArgv: [], name: 'shmwire store' })
    this.#worker.unref()
    this.#worker.on('message', (reply: StoreReply) => this.#onReply(reply))
    this.#worker.on('error', (error) => this.#onEnd(textOfThrown(error)))
    this.#worker.on('exit', (code) => this.#onEnd(`it ended with code ${code}`))
  }

  load(onPart: (part: Uint8Array) => void): Promise<void> {
    return this.#request({ type: 'load' }, [], onPart)
  }

  commit(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    return this.#request({ type: 'commit', batch }, [batch.buffer])
  }

  close(): Promise<void> {
    this.#closing ??= this.#ended === undefined ? this.#request({ type: 'close' }, []) : Promise.resolve()
    return this.#closing
  }

  #request(
    request: StoreRequest,
    transfer: readonly ArrayBuffer[],
    onPart: (part: Uint8Array) => void = () => {},
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended)
        return
      }
      this.#pending = { onPart, resolve, reject }
      this.#worker.ref()
      this.#worker.postMessage(request, transfer)
    })
  }

  #onReply(reply: StoreReply): void {
    const pending = this.#pending
    if (pending === undefined) return
    if (reply.type === 'part') {
      pending.onPart(reply.part)
      return
    }
    this.#settle()
    if (reply.type === 'done') pending.resolve()
    else pending.reject(new ShmwireError(reply.code, reply.message))
  }

  #onEnd(reason: string): void {
    this.#ended ??= new ShmwireError(
      ErrorCode.CLOSED,
      `the thread of the store ${this.#path} is gone: ${reason}`,
    )
    const pending = this.#pending
    this.#settle()
    pending?.reject(this.#ended)
  }

  #settle(): void {
    this.#pending = undefined
    this.#worker.unref()
  }
}
