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
 *  8. P also keeps rivals away, because a candidate checks P last, before it publishes. So a server that has lost either its lease or
 *     P can link the one to the other again (held-lease.ts). It gives up a new lease that another one contests, because that rival may
 *     have listed before.
 *
 * (1) does not protect a temporary, which exists for a moment between bind and listen. If a winner removes it in that moment, its
 * owner's link fails with ENOENT, and the owner starts again.
 *
 * Not guaranteed: anything against a process of the same user that removes both the lease and P, or on a file system that several
 * kernels share.
 */

import { linkSync, renameSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { nowMs, sleep } from '../host.js'
import type { WaitOptions } from '../options.js'
import { fileFault } from './file-fault.js'
import { HeldLease, quietly } from './held-lease.js'
import {
  GENERATION_MAX,
  handoverPath,
  holdConnection,
  isSocketAt,
  leasePath,
  listServerFiles,
  newTemporaryPath,
  probe,
  unlinkIfPresent,
} from './server-files.js'

/** While a live server has the address, `listen` fails with `NAME_IN_USE`, or waits for the end of that server. */
export type WhenInUse = 'fail' | 'wait'

export interface NameLeaseOptions extends WaitOptions {
  /** Default `'fail'`. */
  readonly whenInUse?: WhenInUse | undefined
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

/** An attempt fails only if a rival acted within the same few milliseconds. */
const ATTEMPTS_MAX = 256
const WAIT_MS_MAX = 16
const CONFIRMATIONS = 5
const CONFIRMATION_MS = 10
/** A shorter connection to a live server was refused. Pauses that double, up to this, follow a series of refusals. */
const HOLD_MS_MIN = 100
/** About the time from a list of the leases to a published address. */
const HEAD_START_MS = 8
const HEAD_STARTS_MAX = 32

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
): Promise<HeldLease> {
  const { signal, timeoutMs } = options
  return waitWithin<HeldLease>(
    { signal, timeoutMs },
    `listening at ${options.text ?? path}`,
    (resolve, reject) => {
      const candidate = new Candidate(path, server, options)
      candidate.run().then(resolve, reject)
      return () => candidate.giveUp()
    },
  )
}

class Candidate {
  readonly #path: string
  readonly #server: Server
  readonly #text: string
  readonly #openHandover: ((path: string) => void) | undefined
  readonly #guard: (socket: Socket) => void
  readonly #waits: boolean
  /** Ends the wait for the end of a live server. */
  #endHold = ignore
  #refusals = 0
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
    this.#waits = options.whenInUse === 'wait'
  }

  async run(): Promise<HeldLease> {
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
    this.#endHold()
    if (this.#won !== undefined) {
      this.#won.release()
      return
    }
    if (this.#own !== undefined) quietly(this.#own)
    this.#server.close()
  }

  async #compete(): Promise<HeldLease> {
    // For a missing directory this reports ENOENT; the bind of libuv reports EACCES, as on Windows.
    listServerFiles(this.#path)
    await this.#listen()
    for (let attempt = 0; attempt < ATTEMPTS_MAX || this.#waits; attempt += 1) {
      const generation = await this.#nextGeneration()
      if (generation === undefined) continue
      const linked = this.#link(generation)
      if (linked === 'temporary gone') await this.#listen()
      if (linked !== 'linked') continue
      const dead = await this.#deadBelow(generation)
      const won = dead && (await this.#publish(dead, generation))
      if (won !== undefined) return won
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
      const lease = leasePath(this.#path, generation)
      const liveness = await this.#pause(probe(lease, this.#guard))
      if (liveness === 'dead') continue
      if (liveness === 'alive') await this.#giveWayTo(lease)
      return undefined
    }
    if (await this.#isPublished()) {
      await this.#giveWayTo(this.#path)
      return undefined
    }
    const generation = (generations.at(-1) ?? 0) + 1
    if (generation <= GENERATION_MAX) return generation
    throw new ShmwireError(
      ErrorCode.DENIED,
      `${leasePath(this.#path, generation - 1)} leaves no higher generation; remove it if no server of yours made it`,
    )
  }

  /**
   * Whether a live socket is at P. Without a live lease, another program made it, or has removed the lease. Throws
   * `INVALID_ARGUMENT` for a file that is not a socket.
   */
  async #isPublished(): Promise<boolean> {
    return isSocketAt(this.#path) && (await this.#pause(probe(this.#path, this.#guard))) === 'alive'
  }

  /** Throws `NAME_IN_USE`, or waits for the end of the server at `file`. Returns if it has ended. */
  async #giveWayTo(file: string): Promise<void> {
    if (this.#waits) return this.#untilEndOf(file)
    if (await this.#staysAlive(file)) throw this.#inUse('a server listens there')
  }

  /**
   * Holds a connection, which the kernel closes at once when that server ends. So no time passes until this one notices, and it polls
   * nothing. A server closes a connection that does not begin a handshake after some seconds; then the next one follows.
   */
  async #untilEndOf(file: string): Promise<void> {
    const begunMs = nowMs()
    const { end, ended } = holdConnection(file, this.#guard)
    this.#endHold = end
    await this.#pause(ended)
    this.#endHold = ignore
    const refused = nowMs() - begunMs < HOLD_MS_MIN
    this.#refusals = refused ? this.#refusals + 1 : 0
    const refusedMs = refused ? Math.min(2 ** this.#refusals, HOLD_MS_MIN) : 0
    // All waiting servers notice the end at the same moment. One that is some milliseconds ahead of the others wins at its first attempt.
    const others = Math.max(0, listServerFiles(this.#path).temporaries.length - 1)
    const pauseMs = Math.random() * (refusedMs + Math.min(others, HEAD_STARTS_MAX) * HEAD_START_MS)
    if (pauseMs > 0) await this.#pause(sleep(pauseMs))
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

  /** The address is won, unless a live socket is at P (undefined). The last steps are synchronous, so that no client connects before the caller has control. */
  async #publish(deadLeases: readonly string[], generation: number): Promise<HeldLease | undefined> {
    this.#assertNotGivenUp()
    const path = this.#path
    for (const lease of deadLeases) quietly(lease)
    for (const temporary of listServerFiles(path).temporaries) {
      const liveness = await this.#pause(probe(temporary, this.#guard).catch(() => 'alive'))
      if (liveness === 'dead') quietly(temporary)
    }
    if (await this.#isPublished()) return undefined

    this.#assertNotGivenUp()
    const lease = this.#own as string
    const won = new HeldLease(path, generation, this.#server)
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
    this.#won = won
    return won
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
      `the address ${this.#text} is in use (${why}); close that server, wait for its end with whenInUse: 'wait', or choose another address`,
    )
  }
}

function isSystemError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException | null)?.syscall === 'string'
}

function hangUp(socket: Socket): void {
  socket.on('error', ignore)
  socket.destroy()
}

function ignore(): void {}
