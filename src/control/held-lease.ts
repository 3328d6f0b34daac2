import { linkSync, lstatSync } from 'node:fs'
import type { Server } from 'node:net'
import { protectFile } from './protect-file.js'
import { handoverPath, leasePath, listServerFiles, unlinkIfPresent } from './server-files.js'

/**
 * `'held'`: the published socket and the lease exist. `'restored'`: one of them was missing. `'hidden'`: another program has put its own
 * file in the place of the published socket. `'lost'`: both were removed, so another server can have won the address.
 */
export type LeaseState = 'held' | 'restored' | 'hidden' | 'lost'

/** The address that a server has won: its published socket P and its lease P.<generation>, two names of one socket. */
export class HeldLease {
  readonly #path: string
  readonly #lease: string
  readonly #identity: string | undefined
  readonly #server: Server
  #released = false

  /** `server` listens on the socket that is at `path`, and at the path of the lease. */
  constructor(path: string, generation: number, server: Server) {
    this.#path = path
    this.#lease = leasePath(path, generation)
    this.#identity = identify(this.#lease)
    this.#server = server
  }

  /**
   * Frees the address and closes the server, which then no longer accepts. Its connections stay open. Synchronous, so that it does not
   * delay an exiting process. Throws nothing. Idempotent. The order matters: while the lease exists, no other server can have made P and
   * P.fd (invariant 5).
   */
  release(): void {
    if (this.#released) return
    this.#released = true
    if (this.#isOwn(this.#path)) quietly(this.#path)
    // If another process removed the lease by force, the handover socket may belong to a successor.
    if (this.#isOwn(this.#lease)) {
      quietly(handoverPath(this.#path))
      quietly(this.#lease)
    }
    this.#server.close()
  }

  /**
   * Restores P or the lease if only one of them was removed. The other one has kept rivals away meanwhile (invariant 8). Never replaces a
   * file: link(2) fails if the name exists. Throws errors of the file system, only while P or the lease exists.
   */
  restore(): LeaseState {
    if (this.#isOwn(this.#lease)) {
      if (this.#isOwn(this.#path)) return 'held'
      if (lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) return 'hidden'
      linkSync(this.#lease, this.#path)
      return 'restored'
    }
    if (!this.#isOwn(this.#path)) return 'lost'
    if (this.#hasRival()) return 'held'
    linkSync(this.#path, this.#lease)
    if (!this.#hasRival()) return 'restored'
    // The rival linked and listed before this link, so it does not know of it.
    quietly(this.#lease)
    return 'held'
  }

  /** Protects the socket from programs that remove old files. Its names share one inode. */
  protect(): void {
    protectFile(this.#isOwn(this.#lease) ? this.#lease : this.#path)
  }

  #hasRival(): boolean {
    const { generations } = listServerFiles(this.#path)
    return generations.some((generation) => !this.#isOwn(leasePath(this.#path, generation)))
  }

  #isOwn(file: string): boolean {
    try {
      return this.#identity !== undefined && identify(file) === this.#identity
    } catch {
      return false
    }
  }
}

/** Device and inode; undefined if there is no file. The kernel does not reuse the inode of an open socket, even if the socket has no name left. */
export function identify(file: string): string | undefined {
  const stats = lstatSync(file, { bigint: true, throwIfNoEntry: false })
  return stats && `${stats.dev}:${stats.ino}`
}

export function quietly(file: string): void {
  try {
    unlinkIfPresent(file)
  } catch {
    // If the file stays, the next server finds it dead and removes it.
  }
}
