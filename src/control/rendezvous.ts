/**
 * Exactly one live server per address, without a lock that a crash could leave behind.
 *
 * A claim is a hard link P.<generation> to a listening socket, so the claim and the proof that its owner lives are
 * one thing: connecting to it. A server makes a claim above all others, looks again, and has won if nobody
 * contests; only the winner touches P.
 *
 * Invariants
 *  1. A claim refers to a socket that listened before the claim was linked. So a claim that refuses connections is
 *     dead, and dead for ever; a live one is never taken for dead.
 *  2. link(2) fails when the name exists. So a generation has at most one owner at a time.
 *  3. A claim is removed only by its owner, or by a winner who found it dead (1) and below its own.
 *  4. At most one live server has won. Suppose that A with claim i and B with claim j > i both had. Each linked
 *     first and listed afterwards. If A linked before B began its list, B saw i alive and withdrew. So B had linked j
 *     before A linked i, and A, which listed after that, saw the higher j and withdrew.
 *  5. What a winner does from the list on to `release` happens while its claim is there and alive. By (4) nobody
 *     else is a winner meanwhile, so nobody else writes P or P.fd or removes a claim that is not its own, and a claim
 *     that it found dead is still the same file when it is unlinked: no other winner could have freed the name.
 *  6. P never refers to a socket that does not listen, except after a crash: it is renamed into place, complete.
 *  7. Of several claimants somebody wins. One gives up only when it saw a live claim of another that has not given
 *     up; the last one finds none. That two withdraw for each other again and again is ended by random waits.
 *
 * A temporary is not protected by (1): it exists for a moment between bind and listen. When a winner removes one
 * in that moment, its owner's link fails with ENOENT and it starts anew.
 *
 * Not guaranteed: anything against a process of the same user that removes these files, or on a file system
 * that several kernels share.
 */
import { linkSync, lstatSync, renameSync } from 'node:fs'
import type { Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import type { WaitOptions } from '../options.js'
import {
  claimPath,
  GENERATION_MAX,
  inboxPath,
  isSocketAt,
  listServerFiles,
  newTemporaryPath,
  probe,
  unlinkIfPresent,
} from './claim-files.js'
import { fileFault } from './file-fault.js'

export interface ClaimOptions extends WaitOptions {
  /** The address as the user wrote it, for messages. Default: the path. */
  readonly text?: string | undefined
  /**
   * Called when the address is won and not yet published, with the path of the inbox, which is free then.
   * When the claim fails afterwards, the caller closes what it opened.
   */
  readonly openInbox?: ((path: string) => void) | undefined
  /** Called with each connection to a rival, before anything else is done with it. It may throw when the rival broke the protocol. */
  readonly guard?: ((socket: Socket) => void) | undefined
}

export interface Claim {
  /**
   * Takes the address back and closes the server, which then no longer accepts; its connections live on.
   * Synchronous, so that it does not delay an exiting process. Throws nothing. Idempotent.
   */
  release(): void
}

/** Each attempt that fails has met a rival that acted in the same few milliseconds. */
const ATTEMPTS_MAX = 256
const WAIT_MS_MAX = 16
const CONFIRMATIONS = 5
const CONFIRMATION_MS = 10

/**
 * Lets `server` listen at the control socket `path`, whose directory must exist. Until it resolves, connections
 * are those of rivals that look whether we live, and are closed; so add `connection` listeners afterwards,
 * in the same turn. Rejects with `NAME_IN_USE`, `INVALID_ARGUMENT`, `DENIED`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`, or what
 * `openInbox` throws; then the server is closed and all files are gone.
 */
export function claimAddress(path: string, server: Server, options: ClaimOptions = {}): Promise<Claim> {
  return waitWithin(options, `listening at ${options.text ?? path}`, (resolve, reject) => {
    const claimant = new Claimant(path, server, options)
    claimant.run().then(resolve, reject)
    return () => claimant.giveUp()
  })
}

class Claimant {
  readonly #path: string
  readonly #server: Server
  readonly #text: string
  readonly #openInbox: ((path: string) => void) | undefined
  readonly #guard: (socket: Socket) => void
  /** The name that our socket has at present: a temporary or a claim. */
  #own: string | undefined
  #won: WonClaim | undefined
  #givenUp = false

  constructor(path: string, server: Server, options: ClaimOptions) {
    this.#path = path
    this.#server = server
    this.#text = options.text ?? path
    this.#openInbox = options.openInbox
    this.#guard = options.guard ?? ignore
  }

  async run(): Promise<Claim> {
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

  /** Removes what is ours and closes the server. Idempotent. */
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

  async #compete(): Promise<Claim> {
    // Says ENOENT for a missing directory, where libuv's bind says EACCES, as Windows does.
    listServerFiles(this.#path)
    await this.#listen()
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const generation = await this.#look()
      if (generation === undefined) continue
      const linked = this.#link(generation)
      if (linked === 'temporary gone') await this.#listen()
      if (linked !== 'linked') continue
      const dead = await this.#lookAgain(generation)
      if (dead !== undefined) return this.#publish(dead)
      this.#withdraw()
      await this.#pause(sleep(Math.random() * WAIT_MS_MAX))
    }
    throw this.#inUse(`${ATTEMPTS_MAX} attempts met a rival`)
  }

  /** Listens on a fresh temporary. */
  async #listen(): Promise<void> {
    this.#assertGoing()
    const server = this.#server
    // A no-op the first time.
    server.close()
    const temporary = newTemporaryPath(this.#path)
    await this.#pause(
      new Promise<void>((resolve, reject) => {
        server.once('error', reject)
        // Exclusive: in a worker of `cluster` the primary process would listen otherwise, and claim for all.
        server.listen({ path: temporary, exclusive: true }, () => {
          server.off('error', reject)
          resolve()
        })
        this.#own = temporary
      }),
    )
  }

  /** The generation to claim; undefined: look again. */
  async #look(): Promise<number | undefined> {
    const { generations } = listServerFiles(this.#path)
    for (const generation of generations) {
      const life = await this.#pause(probe(claimPath(this.#path, generation), this.#guard))
      if (life === 'gone') return undefined
      if (life !== 'alive') continue
      if (await this.#staysAlive(claimPath(this.#path, generation)))
        throw this.#inUse('a server listens there')
      return undefined
    }
    await this.#checkPublished()
    const generation = (generations.at(-1) ?? 0) + 1
    if (generation <= GENERATION_MAX) return generation
    throw new ShmwireError(
      ErrorCode.DENIED,
      `${claimPath(this.#path, generation - 1)} leaves no higher generation; remove it if no server of yours made it`,
    )
  }

  /** A live socket at P without a live claim is not one of ours, and neither is what is no socket. */
  async #checkPublished(): Promise<void> {
    if (!isSocketAt(this.#path)) return
    const life = await this.#pause(probe(this.#path, this.#guard))
    if (life === 'alive' && (await this.#staysAlive(this.#path))) throw this.#inUse('a server listens there')
  }

  /**
   * A process that is being killed gives its sockets back one by one: who has just seen its connection end may still
   * find its listening socket. That is over within milliseconds; a server that lives, lives on.
   */
  async #staysAlive(file: string): Promise<boolean> {
    for (let look = 0; look < CONFIRMATIONS; look += 1) {
      await this.#pause(sleep(CONFIRMATION_MS))
      if ((await this.#pause(probe(file, this.#guard))) !== 'alive') return false
    }
    return true
  }

  #link(generation: number): 'linked' | 'taken' | 'temporary gone' {
    this.#assertGoing()
    const temporary = this.#own as string
    const claim = claimPath(this.#path, generation)
    try {
      linkSync(temporary, claim)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') return 'taken'
      if (code === 'ENOENT') return 'temporary gone'
      throw error
    }
    this.#own = claim
    unlinkIfPresent(temporary)
    return 'linked'
  }

  /** The dead claims below ours; undefined: somebody contests, or has contested, from above or alive from below. */
  async #lookAgain(own: number): Promise<string[] | undefined> {
    const { generations } = listServerFiles(this.#path)
    if (generations.at(-1) !== own) return undefined
    const dead: string[] = []
    for (const generation of generations.slice(0, -1)) {
      const claim = claimPath(this.#path, generation)
      const life = await this.#pause(probe(claim, this.#guard))
      if (life === 'alive') return undefined
      if (life === 'dead') dead.push(claim)
    }
    return dead
  }

  /** Turns our claim into a temporary again, in one step, so that our socket always has a name. */
  #withdraw(): void {
    const temporary = newTemporaryPath(this.#path)
    renameSync(this.#own as string, temporary)
    this.#own = temporary
  }

  /** The address is won. The last steps are synchronous: nobody connects before the caller has control. */
  async #publish(deadClaims: readonly string[]): Promise<Claim> {
    this.#assertGoing()
    const path = this.#path
    for (const claim of deadClaims) quietly(claim)
    for (const temporary of listServerFiles(path).temporaries) {
      const life = await this.#pause(probe(temporary, this.#guard).catch(() => 'alive'))
      if (life === 'dead') quietly(temporary)
    }
    await this.#checkPublished()

    this.#assertGoing()
    const claim = this.#own as string
    const identity = identify(claim)
    if (isSocketAt(inboxPath(path))) unlinkIfPresent(inboxPath(path))
    this.#openInbox?.(inboxPath(path))
    const temporary = newTemporaryPath(path)
    try {
      linkSync(claim, temporary)
      renameSync(temporary, path)
    } catch (error) {
      quietly(temporary)
      if (this.#openInbox !== undefined) quietly(inboxPath(path))
      throw error
    }
    this.#won = new WonClaim(path, claim, identity, this.#server)
    return this.#won
  }

  /** Every wait of a claimant: nothing more is done once it has been given up. */
  async #pause<T>(wait: Promise<T>): Promise<T> {
    const value = await wait
    this.#assertGoing()
    return value
  }

  /** Again before whatever would have to be taken back: from a wait to there are some microtasks, and a signal may fire in one. */
  #assertGoing(): void {
    if (this.#givenUp) throw new ShmwireError(ErrorCode.ABORTED, 'the claim was given up')
  }

  #inUse(why: string): ShmwireError {
    return new ShmwireError(
      ErrorCode.NAME_IN_USE,
      `the address ${this.#text} is in use (${why}); close that server, or choose another address`,
    )
  }
}

class WonClaim implements Claim {
  readonly #path: string
  readonly #claim: string
  readonly #identity: string
  readonly #server: Server
  #released = false

  constructor(path: string, claim: string, identity: string, server: Server) {
    this.#path = path
    this.#claim = claim
    this.#identity = identity
    this.#server = server
  }

  /** In this order: as long as the claim is there, nobody else can have made P and P.fd (invariant 5). */
  release(): void {
    if (this.#released) return
    this.#released = true
    if (this.#isOurs(this.#path)) quietly(this.#path)
    // A claim that is no longer ours was removed by force, and the inbox may be a successor's.
    if (this.#isOurs(this.#claim)) {
      quietly(inboxPath(this.#path))
      quietly(this.#claim)
    }
    this.#server.close()
  }

  #isOurs(file: string): boolean {
    try {
      return identify(file) === this.#identity
    } catch {
      return false
    }
  }
}

/** Device and inode. While our socket is open its inode is not used again, even when all its names are gone. */
function identify(file: string): string {
  const { dev, ino } = lstatSync(file, { bigint: true })
  return `${dev}:${ino}`
}

/** What stays behind is seen to be dead by the next server and does no harm. */
function quietly(file: string): void {
  try {
    unlinkIfPresent(file)
  } catch {
    // See above.
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
