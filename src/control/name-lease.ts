/**
 * Gives each name to exactly one live server, without a lock that a crash could leave behind.
 *
 * A lease is a hard link P.<generation> to a listening socket. The lease and the proof that its owner lives are therefore one
 * thing: a connection to it. A server links a lease above all others and lists them again. It has won if no other server contests.
 * Only the winner changes P.
 *
 * Invariants
 *  1. A lease refers to a socket that listened before the lease was linked. So a lease that refuses connections is dead, which is
 *     final, and a live lease never looks dead.
 *  2. link(2) fails when the name exists. So a generation has at most one owner at a time.
 *  3. Only its owner removes a lease, or a winner that found it dead (1) and below its own.
 *  4. At most one live server has won. Suppose that A with lease i and B with lease j > i had both won. Each linked first and
 *     listed afterwards. If A linked before B began its list, B saw i alive and withdrew. So B had linked j before A linked i, and
 *     A, which listed after that, saw the higher j and withdrew.
 *  5. Everything that a winner does between its list and `release` happens while its lease exists and is alive. By (4) there is no
 *     other winner meanwhile, so no other server writes P or P.fd or removes a lease that is not its own. A lease that the winner
 *     found dead is still the same file when it is unlinked, because only another winner could have freed the name.
 *  6. P always refers to a listening socket, except after a crash: a rename puts the complete socket into place.
 *  7. One of several candidates wins. A candidate gives up only when it saw a live lease of another one that has not given up; the
 *     last one finds none. Random waits end a series in which two candidates withdraw for each other.
 *
 * (1) does not protect a temporary, which exists for a moment between bind and listen. If a winner removes it in that moment, its
 * owner's link fails with ENOENT, and the owner starts again.
 *
 * Not guaranteed: anything against a process of the same user that removes these files, or on a file system that several kernels
 * share.
 */
import { linkSync, lstatSync, renameSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { WaitOptions } from '../options.js'
import { fileFault } from './file-fault.js'
import {
  GENERATION_MAX,
  handoverPath,
  isSocketAt,
  leasePath,
  listServerFiles,
  newTemporaryPath,
  probe,
  unlinkIfPresent,
} from './server-files.js'

export interface NameLeaseOptions extends WaitOptions {
  /** The address as the user wrote it, for messages. Default: the path. */
  readonly text?: string | undefined
  /**
   * Called when the address is won and not yet published, with the path of the handover socket, where no file is then. If the
   * acquisition fails afterwards, the caller closes what it opened.
   */
  readonly openHandover?: ((path: string) => void) | undefined
  /** Called first with each connection to a rival. It may throw if the rival broke the protocol. */
  readonly guard?: ((socket: Socket) => void) | undefined
}

export interface NameLease {
  /**
   * Frees the address and closes the server, which then no longer accepts. Its connections stay open. Synchronous, so that it does
   * not delay an exiting process. Throws nothing. Idempotent.
   */
  release(): void
}

/** An attempt fails only if a rival acted within the same few milliseconds. */
const ATTEMPTS_MAX = 256
const WAIT_MS_MAX = 16
const CONFIRMATIONS = 5
const CONFIRMATION_MS = 10

/**
 * Lets `server` listen at the control socket `path`, whose directory must exist. Until it resolves, all connections come from rivals
 * that check whether this server is alive, and are closed. So add `connection` listeners afterwards, in the same turn. Rejects with
 * `NAME_IN_USE`, `INVALID_ARGUMENT`, `DENIED`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`, or the error that `openHandover` throws. Then the
 * server is closed and its files are removed.
 */
export function acquireNameLease(
  path: string,
  server: Server,
  options: NameLeaseOptions = {},
): Promise<NameLease> {
  const { signal, timeoutMs } = options
  return waitWithin({ signal, timeoutMs }, `listening at ${options.text ?? path}`, (resolve, reject) => {
    const candidate = new Candidate(path, server, options)
    candidate.run().then(resolve, reject)
    return () => candidate.giveUp()
  })
}

class Candidate {
  readonly #path: string
  readonly #server: Server
  readonly #text: string
  readonly #openHandover: ((path: string) => void) | undefined
  readonly #guard: (socket: Socket) => void
  /** The present name of this server's socket: a temporary or a lease. */
  #own: string | undefined
  #won: HeldLease | undefined
  #givenUp = false

  constructor(path: string, server: Server, options: NameLeaseOptions) {
    this.#path = path
    this.#server = server
    this.#text = options.text ?? path
    this.#openHandover = options.openHandover
    this.#guard = options.guard ?? ignore
  }

  async run(): Promise<NameLease> {
    this.#server.on('connection', hangUp)
    this.#server.on('error', ignore)
    try {
      return await this.#compete()
    } catch (error) {
      this.giveUp()
      if (error instanceof ShmwireError || !isSystemError(error)) throw error
      throw fileFault(
        error,
        `the server cannot listen at ${this.#path}`,
        'check the directory, or choose another address',
      )
    } finally {
      this.#server.off('connection', hangUp)
      this.#server.off('error', ignore)
    }
  }

  /** Removes this server's files and closes the server. Idempotent. */
  giveUp(): void {
    if (this.#givenUp) return
    this.#givenUp = true
    if (this.#won !== undefined) {
      this.#won.release()
      return
    }
    if (this.#own !== undefined) quietly(this.#own)
    this.#server.close()
  }

  async #compete(): Promise<NameLease> {
    // For a missing directory this reports ENOENT; the bind of libuv reports EACCES, as on Windows.
    listServerFiles(this.#path)
    await this.#listen()
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const generation = await this.#nextGeneration()
      if (generation === undefined) continue
      const linked = this.#link(generation)
      if (linked === 'temporary gone') await this.#listen()
      if (linked !== 'linked') continue
      const dead = await this.#deadBelow(generation)
      if (dead !== undefined) return this.#publish(dead)
      this.#withdraw()
      await this.#pause(sleep(Math.random() * WAIT_MS_MAX))
    }
    throw this.#inUse(`${ATTEMPTS_MAX} attempts met a rival`)
  }

  /** Listens on a new temporary. */
  async #listen(): Promise<void> {
    this.#assertNotGivenUp()
    const server = this.#server
    // Does nothing the first time.
    server.close()
    const temporary = newTemporaryPath(this.#path)
    await this.#pause(
      new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        // Otherwise, in a worker of `cluster`, the primary process would listen and hold the lease for all workers.
        server.listen({ path: temporary, exclusive: true }, () => {
          server.off('error', reject)
          resolve()
        })
        this.#own = temporary
      }),
    )
  }

  /** The generation to link; undefined: try again. */
  async #nextGeneration(): Promise<number | undefined> {
    const { generations } = listServerFiles(this.#path)
    for (const generation of generations) {
      const liveness = await this.#pause(probe(leasePath(this.#path, generation), this.#guard))
      if (liveness === 'gone') return undefined
      if (liveness !== 'alive') continue
      if (await this.#staysAlive(leasePath(this.#path, generation)))
        throw this.#inUse('a server listens there')
      return undefined
    }
    await this.#checkPublished()
    const generation = (generations.at(-1) ?? 0) + 1
    if (generation <= GENERATION_MAX) return generation
    throw new ShmwireError(
      ErrorCode.DENIED,
      `${leasePath(this.#path, generation - 1)} leaves no higher generation; remove it if no server of yours made it`,
    )
  }

  /** If a live socket without a live lease is at P, another program made it. The same holds for a file that is not a socket. */
  async #checkPublished(): Promise<void> {
    if (!isSocketAt(this.#path)) return
    const liveness = await this.#pause(probe(this.#path, this.#guard))
    if (liveness === 'alive' && (await this.#staysAlive(this.#path)))
      throw this.#inUse('a server listens there')
  }

  /**
   * The kernel closes the sockets of a killed process one by one. A client whose connection has just ended can still find the
   * listening socket for some milliseconds. The socket of a live server stays.
   */
  async #staysAlive(file: string): Promise<boolean> {
    for (let count = 0; count < CONFIRMATIONS; count += 1) {
      await this.#pause(sleep(CONFIRMATION_MS))
      if ((await this.#pause(probe(file, this.#guard))) !== 'alive') return false
    }
    return true
  }

  #link(generation: number): 'linked' | 'taken' | 'temporary gone' {
    this.#assertNotGivenUp()
    const temporary = this.#own as string
    const lease = leasePath(this.#path, generation)
    try {
      linkSync(temporary, lease)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return 'taken'
      if (code === 'ENOENT') return 'temporary gone'
      throw error
    }
    this.#own = lease
    unlinkIfPresent(temporary)
    return 'linked'
  }

  /** The dead leases below `own`. Undefined: another lease contests, either a higher one or a live lower one. */
  async #deadBelow(own: number): Promise<string[] | undefined> {
    const { generations } = listServerFiles(this.#path)
    if (generations.at(-1) !== own) return undefined
    const dead: string[] = []
    for (const generation of generations.slice(0, -1)) {
      const lease = leasePath(this.#path, generation)
      const liveness = await this.#pause(probe(lease, this.#guard))
      if (liveness === 'alive') return undefined
      if (liveness === 'dead') dead.push(lease)
    }
    return dead
  }

  /** Turns the lease into a temporary again. One rename does it, so that the socket always has a name. */
  #withdraw(): void {
    const temporary = newTemporaryPath(this.#path)
    renameSync(this.#own as string, temporary)
    this.#own = temporary
  }

  /** The address is won. The last steps are synchronous, so that no client connects before the caller has control. */
  async #publish(deadLeases: readonly string[]): Promise<NameLease> {
    this.#assertNotGivenUp()
    const path = this.#path
    for (const lease of deadLeases) quietly(lease)
    for (const temporary of listServerFiles(path).temporaries) {
      const liveness = await this.#pause(probe(temporary, this.#guard).catch(() => 'alive'))
      if (liveness === 'dead') quietly(temporary)
    }
    await this.#checkPublished()

    this.#assertNotGivenUp()
    const lease = this.#own as string
    const identity = identify(lease)
    if (isSocketAt(handoverPath(path))) unlinkIfPresent(handoverPath(path))
    this.#openHandover?.(handoverPath(path))
    const temporary = newTemporaryPath(path)
    try {
      linkSync(lease, temporary)
      renameSync(temporary, path)
    } catch (error) {
      quietly(temporary)
      if (this.#openHandover !== undefined) quietly(handoverPath(path))
      throw error
    }
    this.#won = new HeldLease(path, lease, identity, this.#server)
    return this.#won
  }

  /** Wraps every wait, so that a candidate that has given up does nothing more. */
  async #pause<T>(wait: Promise<T>): Promise<T> {
    const value = await wait
    this.#assertNotGivenUp()
    return value
  }

  /** Called again before each step that would have to be undone, because a signal may fire in a microtask after the last wait. */
  #assertNotGivenUp(): void {
    if (this.#givenUp) throw new ShmwireError(ErrorCode.ABORTED, 'listening was given up')
  }

  #inUse(why: string): ShmwireError {
    return new ShmwireError(
      ErrorCode.NAME_IN_USE,
      `the address ${this.#text} is in use (${why}); close that server, or choose another address`,
    )
  }
}

class HeldLease implements NameLease {
  readonly #path: string
  readonly #lease: string
  readonly #identity: string
  readonly #server: Server
  #released = false

  constructor(path: string, lease: string, identity: string, server: Server) {
    this.#path = path
    this.#lease = lease
    this.#identity = identity
    this.#server = server
  }

  /** The order matters: while the lease exists, no other server can have made P and P.fd (invariant 5). */
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

  #isOwn(file: string): boolean {
    try {
      return identify(file) === this.#identity
    } catch {
      return false
    }
  }
}

/** Device and inode. The kernel does not reuse the inode of an open socket, even if the socket has no name left. */
function identify(file: string): string {
  const { dev, ino } = lstatSync(file, { bigint: true })
  return `${dev}:${ino}`
}

function quietly(file: string): void {
  try {
    unlinkIfPresent(file)
  } catch {
    // If the file stays, the next server finds it dead and removes it.
  }
}

function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string'
}

function hangUp(socket: Socket): void {
  socket.on('error', ignore)
  socket.destroy()
}

function ignore(): void {}
