import type { Description } from '../control/description.js'
import { identify } from '../control/held-lease.js'
import { type Observation, observeServer } from '../control/observe-server.js'
import { refuseDescriptors } from '../control/refuse-descriptors.js'
import { probe } from '../control/server-files.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { clearTimeout, newAbortController, setTimeout, sleep } from '../host.js'
import { log } from '../log/log.js'
import type { Semaphore } from '../semaphore.js'
import type { Place, PublishedName } from './place.js'
import { type ServerInfo, serverInfo } from './server-info.js'

/** A server that answers: what it says, and its id, by which it differs from another server with the same name. */
export interface Answer {
  readonly id: string
  readonly info: ServerInfo
}

export interface WatchedServerOptions {
  readonly name: PublishedName
  readonly place: Place
  /** Limits the attempts of all names. */
  readonly attempts: Semaphore
  /** The server has answered first or again; undefined: it does not answer any more. */
  readonly onAnswer: (answer: Answer | undefined) => void
}

/** This process has no descriptor to ask with, or the server is alive and asks to be left alone. */
const INCONCLUSIVE: ReadonlySet<ErrorCode> = new Set([ErrorCode.OUT_OF_MEMORY, ErrorCode.UNAVAILABLE])

/** The waits after failed attempts double between these. */
const RETRY_MS_MIN = 10
const RETRY_MS_MAX = 5_000
/** The waits between checks after the end of a connection double between these; together they take a second. */
const CHECK_MS_MIN = 10
const CHECK_MS_MAX = 640

/**
 * Follows the server at one published socket. It holds a connection to it, which the kernel ends when the server dies; so nothing is
 * polled. Then it checks what listens there now. A dead socket stays dead, so it then waits until the file is another one.
 */
export class WatchedServer {
  readonly #options: WatchedServerOptions
  readonly #stopping = newAbortController()
  /** Resolves when the first attempt has ended. */
  readonly settled: Promise<void>
  #settle!: () => void
  /** Of the file, at the last attempt. */
  #identity: string | undefined
  /** The file may have changed since the last attempt. */
  #stale = false
  #answer: Answer | undefined
  #held: Observation | undefined
  #wake: (() => void) | undefined

  constructor(options: WatchedServerOptions) {
    this.#options = options
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    void this.#run()
  }

  get isUp(): boolean {
    return this.#answer !== undefined
  }

  /**
   * Call it when the file may have changed. `isReported`: the system reported it. The identity alone is not enough, because a new socket
   * can get the inode of a closed one. But while a server is up, another one cannot have its inode.
   */
  recheck(isReported: boolean): void {
    const isOther = this.#fileIdentity() !== this.#identity
    if (!isOther && !isReported) return
    this.#stale = true
    if (isOther) this.#held?.end()
    this.#wake?.()
  }

  /** Idempotent. */
  stop(): void {
    this.#stopping.abort()
    this.#held?.end()
    this.#wake?.()
    this.#report(undefined)
    this.#settle()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    let failures = 0
    while (!signal.aborted) {
      this.#stale = false
      this.#identity = this.#fileIdentity()
      try {
        const observation = await this.#attempt()
        failures = 0
        await this.#hold(observation)
        await this.#confirmEnd()
      } catch (error) {
        if (!(error instanceof ShmwireError)) throw error
        failures += 1
        this.#fail(error)
        await this.#pause(retryMs(error, failures))
      }
    }
  }

  #attempt(): Promise<Observation> {
    const { attempts, name, place } = this.#options
    const { settings, native, answerTimeoutMs: timeoutMs } = place
    const { signal } = this.#stopping
    return attempts.run(() => observeServer(name.path, { settings, native, signal, timeoutMs }))
  }

  /** Resolves when the connection has ended. */
  async #hold(observation: Observation): Promise<void> {
    const { name } = this.#options
    const report = (description: Description): void => {
      const info = serverInfo(name, observation.peer, description)
      if (!this.#stopping.signal.aborted) this.#report({ id: description.id, info })
    }
    this.#held = observation
    report(observation.description)
    this.#settle()
    const ended = observation.follow(report)
    const isOther = this.#fileIdentity() !== this.#identity
    if (isOther || this.#stopping.signal.aborted) observation.end()
    await ended
    this.#held = undefined
  }

  /**
   * The server has died or closed, or it lets others observe it instead. To ask again at once would displace another observer. A killed
   * process can accept connections for some milliseconds. Returns when it is dead or when it is time to ask again.
   */
  async #confirmEnd(): Promise<void> {
    const { name, place } = this.#options
    for (let delayMs = CHECK_MS_MIN; delayMs <= CHECK_MS_MAX; delayMs *= 2) {
      if (this.#stale || this.#stopping.signal.aborted) return
      const liveness = await probe(name.path, (socket) => refuseDescriptors(socket, place.native))
      if (liveness !== 'alive') return
      await this.#pause(delayMs)
    }
  }

  #fail(error: ShmwireError): void {
    const { name, place } = this.#options
    if (this.#stopping.signal.aborted) return
    log(place.settings.logger, 'server.notListed', () => ({ path: name.path, error }))
    if (!INCONCLUSIVE.has(error.code)) this.#report(undefined)
    this.#settle()
  }

  #report(answer: Answer | undefined): void {
    if (answer === undefined && this.#answer === undefined) return
    this.#answer = answer
    this.#options.onAnswer(answer)
  }

  /** Ends early when the file may have changed. It does not keep the process alive. */
  async #pause(delayMs: number): Promise<void> {
    // Otherwise a program that changes the file all the time would cause attempts all the time.
    await sleep(Math.min(delayMs, RETRY_MS_MIN), undefined, { ref: false })
    if (this.#stale || this.#stopping.signal.aborted || delayMs <= RETRY_MS_MIN) return
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(delayMs) ? setTimeout(() => this.#wake?.(), delayMs).unref() : undefined
      this.#wake = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
    })
  }

  #fileIdentity(): string | undefined {
    try {
      return identify(this.#options.name.path)
    } catch {
      // The attempt to connect fails for the same reason, and reports it.
      return undefined
    }
  }
}

function retryMs(error: ShmwireError, failures: number): number {
  if (error.code === ErrorCode.NOT_LISTENING) return Number.POSITIVE_INFINITY
  return Math.min(RETRY_MS_MIN * 2 ** (failures - 1), RETRY_MS_MAX)
}
