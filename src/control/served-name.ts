import type { Socket } from 'node:net'
import { ErrorCode, type ShmwireError } from '../errors.js'
import { clearInterval, newAbortController, setInterval } from '../host.js'
import type { LogEvent } from '../log/lines.js'
import { type LogDetails, log } from '../log/log.js'
import type { NativeHandoverSocket } from '../native/binding.js'
import { textOfThrown } from '../uncaught.js'
import type { LeaseState } from './held-lease.js'
import { type Holding, holdName, type NameOptions } from './hold-name.js'

/** The XDG Base Directory Specification asks for six hours at most. Programs that remove old files wait for days. */
const RENEWAL_MS = 3_600_000

/**
 * The address of a running server: its listening socket, its handover socket and their files. It keeps the files from programs that remove
 * old files, and restores a file that is removed nevertheless. It never takes the address from another server (decision 29).
 */
export class ServedName {
  readonly #options: NameOptions
  readonly #accept: (socket: Socket) => void
  readonly #releasing = newAbortController()
  readonly #timer: NodeJS.Timeout
  #holding: Holding
  #referenced = true
  #renewal: Promise<void> | undefined
  /** The last problem that was reported. */
  #reported = ''

  /** Call it in the turn in which `holdName` has resolved. `accept` gets each accepted socket, which is paused. */
  constructor(
    options: NameOptions,
    holding: Holding,
    accept: (socket: Socket) => void,
    renewalMs: number = RENEWAL_MS,
  ) {
    this.#options = options
    this.#accept = accept
    this.#holding = holding
    this.#serve()
    this.#timer = setInterval(() => void this.renew(), renewalMs).unref()
    this.#protect()
  }

  /** As the user wrote it. */
  get address(): string {
    return this.#options.text
  }

  /** Undefined if there is none; `handoverUnavailable` has the reason. */
  get handoverSocket(): NativeHandoverSocket | undefined {
    return this.#holding.handover.native
  }

  get handoverUnavailable(): string | undefined {
    return this.#holding.handover.unavailable
  }

  ref(): void {
    this.#referenced = true
    this.#holding.netServer.ref()
  }

  unref(): void {
    this.#referenced = false
    this.#holding.netServer.unref()
  }

  /** Frees the address; see `HeldLease.release`. Handshakes still need the handover socket, until `closeHandover`. Idempotent. */
  release(): void {
    clearInterval(this.#timer)
    this.#releasing.abort()
    this.#holding.lease.release()
  }

  closeHandover(): void {
    this.#holding.handover.close()
  }

  /** Protects the files for some time, and restores missing ones. Never rejects. One renewal runs at a time. */
  renew(): Promise<void> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = undefined
    })
    return this.#renewal
  }

  async #renewOnce(): Promise<void> {
    if (this.#restore() !== 'lost') {
      this.#protect()
      return
    }
    try {
      await this.#holdAgain()
    } catch (error) {
      this.#reportFailure(error)
    }
  }

  /** Undefined: it failed, and this server still has the address. */
  #restore(): LeaseState | undefined {
    const { path } = this.#options
    let state: LeaseState
    try {
      state = this.#holding.lease.restore()
    } catch (error) {
      this.#reportFailure(error)
      return undefined
    }
    if (state === 'hidden') this.#report('server.hidden', { path })
    if (state === 'held' || state === 'restored') this.#reported = ''
    if (state === 'restored') this.#report('server.fileRestored', { path })
    return state
  }

  #protect(): void {
    const { lease, handover } = this.#holding
    this.#protectEach('socket', () => lease.protect())
    this.#protectEach('handover socket', () => handover.renew())
  }

  /** A failure is a `debug` line only, because on most systems no program removes the file. */
  #protectEach(what: string, protect: () => void): void {
    const { text, settings } = this.#options
    try {
      protect()
    } catch (error) {
      log(settings.logger, 'server.notProtected', () => ({ address: text, file: what, error }))
    }
  }

  /** Nothing is left that would keep other servers away. This one competes like any new server, and gives way to one that was faster. */
  async #holdAgain(): Promise<void> {
    const { signal } = this.#releasing
    let holding: Holding
    try {
      holding = await holdName(this.#options, { signal })
    } catch (error) {
      if (signal.aborted) return
      if ((error as ShmwireError).code !== ErrorCode.NAME_IN_USE) throw error
      // Final, because the user may have started that server in place of this one.
      clearInterval(this.#timer)
      this.#report('server.addressLost')
      return
    }
    const old = this.#holding
    this.#holding = holding
    old.lease.release()
    old.handover.close()
    if (signal.aborted) {
      this.release()
      this.closeHandover()
      return
    }
    this.#serve()
    if (!this.#referenced) holding.netServer.unref()
    this.#protect()
    this.#report('server.addressHeldAgain')
  }

  #serve(): void {
    const { netServer } = this.#holding
    netServer.on('connection', this.#accept)
    netServer.on('error', (error) =>
      log(this.#options.settings.logger, 'client.notAccepted', () => ({
        address: this.#options.text,
        error,
      })),
    )
  }

  #reportFailure(error: unknown): void {
    this.#report('server.notRestored', { error })
  }

  /** Reports a problem once, although each renewal finds it. */
  #report(event: LogEvent, details: LogDetails = {}): void {
    const problem = details.error === undefined ? event : `${event}: ${textOfThrown(details.error)}`
    if (problem === this.#reported) return
    this.#reported = problem
    const { settings, text } = this.#options
    log(settings.logger, event, () => ({ address: text, ...details }))
  }
}
