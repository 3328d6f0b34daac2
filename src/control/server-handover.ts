import { log } from '../log/log.js'
import type { NativeHandoverSocket } from '../native/binding.js'
import { memoryFault, type NativeLoad } from '../native/load-binding.js'
import { toShmwireError } from '../native/native-error.js'
import type { Settings } from '../options.js'
import { identify } from './held-lease.js'
import { protectFile } from './protect-file.js'
import { isSocketAt, unlinkIfPresent } from './server-files.js'

/** The socket of a server that receives descriptors, or the reason why there is none. */
export class ServerHandoverSocket {
  readonly #native: NativeLoad
  readonly #settings: Settings
  /** Undefined until `open`, and after `close`. */
  #path: string | undefined
  /** Of the file of the open socket. */
  #identity: string | undefined
  native: NativeHandoverSocket | undefined
  unavailable: string | undefined

  constructor(native: NativeLoad, settings: Settings) {
    this.#native = native
    this.#settings = settings
  }

  /** Binds `path`, where no file is. Only the server that has won the address may call this. */
  open(path: string): void {
    if (!('binding' in this.#native) || memoryFault(this.#native) !== undefined) return
    if (this.#settings.transport === 'socket') return
    this.#path = path
    try {
      this.native = new this.#native.binding.HandoverSocket(path)
      this.#identity = identify(path)
      this.unavailable = undefined
    } catch (thrown) {
      const error = toShmwireError(thrown, 'the handover socket cannot be opened')
      if (this.#settings.transport === 'shm') throw error
      // Each renewal finds the same problem.
      if (this.unavailable === error.message) return
      this.unavailable = error.message
      log(this.#settings.logger, 'server.noSharedMemory', () => ({ path, error }))
    }
  }

  /**
   * Opens it again if its file was removed or the last attempt failed, and protects the file. Only the server that has the address may call
   * this.
   */
  renew(): void {
    const path = this.#path
    if (path === undefined) return
    if (this.#identity === undefined || identify(path) !== this.#identity) {
      if (isSocketAt(path)) unlinkIfPresent(path)
      this.close()
      this.open(path)
    }
    if (this.native !== undefined) protectFile(path)
  }

  close(): void {
    this.native?.close()
    this.native = undefined
    this.#path = undefined
    this.#identity = undefined
  }
}
