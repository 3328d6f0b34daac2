import { constants } from 'node:os'
import { TIMER_EARLY_MS } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { newAbortController } from '../host.js'
import { log } from '../log/log.js'
import type { Logger } from '../log/logger.js'
import {
  booleanOption,
  checkOptionNames,
  invalid,
  loggerOption,
  misuse,
  type WaitOptions,
} from '../options.js'
import { runApart } from '../uncaught.js'
import { callbackOption, millisecondsOption } from './check-options.js'
import { type Clock, clockOption } from './clock.js'

/** A service, a server, a gateway, a channel, a pool, or any object like them. */
export interface CloseableObject {
  close(options?: WaitOptions): unknown
}

/** A client. */
export interface CloseableClient {
  $close(options?: WaitOptions): unknown
}

/** Anything that `closeOnSignal` can close. A function closes something else within the options. */
export type Closeable = CloseableObject | CloseableClient | ((options: Required<WaitOptions>) => unknown)

/** The options of `closeOnSignal`. */
export interface CloseOnSignalOptions {
  /**
   * The time for all of them together, in milliseconds. Open calls are then cancelled. A step that has not closed three seconds later is left, and
   * the next one is closed. From 0. Default 10,000.
   */
  timeoutMs?: number | undefined
  /** Default `['SIGTERM', 'SIGINT']`. */
  signals?: readonly NodeJS.Signals[] | undefined
  /** Ends the process when all is closed. Default true. */
  exit?: boolean | undefined
  /** Called with the first signal, before anything is closed. */
  onSignal?: ((signal: NodeJS.Signals) => void) | undefined
  /** Gets a warning for each close that fails. */
  logger?: Logger | undefined
  /** For tests. */
  clock?: Clock | undefined
}

/** The result of a shutdown. */
export interface ShutdownResult {
  /** Undefined: the program called `close`. */
  readonly signal: NodeJS.Signals | undefined
  /** 0: all is closed in time. 1: a close failed, or took all the time, so that calls may have been cancelled. 128 and the number of the signal: a second signal ended the wait. */
  readonly exitCode: number
  /** The errors of the closes that failed. */
  readonly errors: readonly unknown[]
}

/** The shutdown of a program. It comes from `closeOnSignal`. */
export interface Shutdown {
  /** The close has begun. */
  readonly closing: boolean
  /** Resolves when all is closed. Never rejects. */
  readonly closed: Promise<ShutdownResult>
  /** Begins the close without a signal. */
  close(): Promise<ShutdownResult>
  /** Listens to no further signal. A close that has begun continues, and does not end the process. */
  detach(): void
}

interface Settings {
  readonly timeoutMs: number
  readonly signals: readonly NodeJS.Signals[]
  readonly exit: boolean
  readonly onSignal: ((signal: NodeJS.Signals) => void) | undefined
  readonly logger: Logger | undefined
  readonly clock: Clock
}

const OPTION_NAMES: readonly string[] = [
  'timeoutMs',
  'signals',
  'exit',
  'onSignal',
  'logger',
  'clock',
] satisfies (keyof CloseOnSignalOptions)[]
const TIMEOUT_MS = 10_000
/** Services and gateways send the errors of the calls that they have cancelled. */
const LAST_ANSWERS_MS = 3_000
/** A process that has nothing left to do ends by itself, after its output is written. Anything else must not keep it. */
const EXIT_MS = 100
/** Shells report a process that a signal has ended in this way. */
const SIGNAL_EXIT_CODE = 128

/**
 * Closes services, gateways and clients when the process gets a signal to end: they accept nothing new, and open calls have `timeoutMs` to end. The
 * members of `steps` are closed one after the other, and those of an inner array at the same time: first the gateways, then the services that
 * these call. Then the process ends. A second signal ends it at once.
 *
 * @throws `INVALID_ARGUMENT`
 */
export function closeOnSignal(
  steps: readonly (Closeable | readonly Closeable[])[],
  options: CloseOnSignalOptions = {},
): Shutdown {
  if (!Array.isArray(steps)) throw invalid('steps', steps, 'an array of services, gateways and clients')
  const shutdown = new SignalShutdown(steps.map(closersOf), settingsOf(options))
  return {
    get closing() {
      return shutdown.closing
    },
    closed: shutdown.closed,
    close: () => shutdown.begin(undefined),
    detach: () => shutdown.detach(),
  }
}

type Closer = (bounds: Required<WaitOptions>) => unknown

class SignalShutdown {
  readonly closed: Promise<ShutdownResult>
  closing = false
  readonly #steps: readonly (readonly Closer[])[]
  readonly #settings: Settings
  readonly #stopping = newAbortController()
  readonly #errors: unknown[] = []
  #signal: NodeJS.Signals | undefined
  #attached = true
  #over = false
  /** A close took all the time, so open calls may have been cancelled. */
  #late = false
  #resolve!: (result: ShutdownResult) => void

  constructor(steps: readonly (readonly Closer[])[], settings: Settings) {
    this.#steps = steps
    this.#settings = settings
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve
    })
    for (const signal of settings.signals) process.on(signal, this.#onSignal)
  }

  begin(signal: NodeJS.Signals | undefined): Promise<ShutdownResult> {
    if (this.closing) return this.closed
    this.closing = true
    this.#signal = signal
    const untilMs = this.#settings.clock.nowMs() + this.#settings.timeoutMs
    void this.#closeAll(untilMs).then(() => {
      this.#end(this.#late || this.#errors.length > 0 ? 1 : 0)
    })
    return this.closed
  }

  detach(): void {
    this.#attached = false
    for (const signal of this.#settings.signals) process.off(signal, this.#onSignal)
  }

  readonly #onSignal = (signal: NodeJS.Signals): void => {
    const { onSignal, exit } = this.#settings
    if (!this.closing) {
      if (onSignal !== undefined) runApart(() => onSignal(signal))
      void this.begin(signal)
      return
    }
    if (this.#over) return
    const exitCode = SIGNAL_EXIT_CODE + constants.signals[signal]
    if (exit) process.exit(exitCode)
    this.#stopping.abort()
    this.#end(exitCode)
  }

  async #closeAll(untilMs: number): Promise<void> {
    for (const step of this.#steps) await Promise.all(step.map((closer) => this.#closeOne(closer, untilMs)))
  }

  /** Ends the wait for something that ignores its bounds, so that the next step is closed, too. */
  async #closeOne(closer: Closer, untilMs: number): Promise<void> {
    const { clock, timeoutMs } = this.#settings
    const restMs = Math.max(0, Math.ceil(untilMs - clock.nowMs()))
    let cancel = (): void => {}
    try {
      await new Promise((resolve, reject) => {
        cancel = clock.after(restMs + LAST_ANSWERS_MS, () => reject(tooLong(timeoutMs)))
        void invoke(closer, { timeoutMs: restMs, signal: this.#stopping.signal }).then(resolve, reject)
      })
    } catch (error) {
      this.#failed(error)
    } finally {
      cancel()
    }
    // Without time, there was none to exceed.
    if (restMs > 0 && clock.nowMs() >= untilMs - TIMER_EARLY_MS) this.#late = true
  }

  #failed(error: unknown): void {
    this.#errors.push(error)
    log(this.#settings.logger, 'process.closeFailed', () => ({ signal: this.#signal, error }))
  }

  #end(exitCode: number): void {
    if (this.#over) return
    this.#over = true
    this.#resolve({ signal: this.#signal, exitCode, errors: [...this.#errors] })
    // From now on, a signal ends a process that lives on.
    if (!this.#settings.exit) this.detach()
    if (!this.#attached) return
    process.exitCode = exitCode
    this.#settings.clock.after(EXIT_MS, () => process.exit(exitCode), true)
  }
}

/** A function of the program can throw at once. */
async function invoke(closer: Closer, bounds: Required<WaitOptions>): Promise<unknown> {
  return closer(bounds)
}

function tooLong(timeoutMs: number): ShmwireError {
  return new ShmwireError(
    ErrorCode.TIMEOUT,
    `the close did not end within ${LAST_ANSWERS_MS} ms after timeoutMs: ${timeoutMs}`,
  )
}

function settingsOf(options: CloseOnSignalOptions): Settings {
  checkOptionNames(options, OPTION_NAMES)
  const { signals = ['SIGTERM', 'SIGINT'], exit = true } = options
  if (!Array.isArray(signals)) throw invalid('signals', signals, 'an array of names of signals')
  for (const signal of signals) {
    if (!Object.hasOwn(constants.signals, signal))
      throw invalid('signals', signal, "names of signals, for example 'SIGTERM'")
    if (signal === 'SIGKILL' || signal === 'SIGSTOP')
      throw misuse(`the kernel delivers ${signal} to no program; remove it from signals`)
  }
  return {
    timeoutMs: millisecondsOption('timeoutMs', options.timeoutMs ?? TIMEOUT_MS, 0),
    signals: [...signals],
    exit: booleanOption('exit', exit),
    onSignal: callbackOption('onSignal', options.onSignal),
    logger: loggerOption(options.logger),
    clock: clockOption(options.clock),
  }
}

function closersOf(step: Closeable | readonly Closeable[]): Closer[] {
  return Array.isArray(step) ? step.map(closerOf) : [closerOf(step as Closeable)]
}

function closerOf(closeable: Closeable): Closer {
  if (typeof closeable === 'function') return closeable
  const { close, $close } = (closeable ?? {}) as Partial<Record<'close' | '$close', Closer>>
  // A service without a contract can have a method close; it is a function of its client, too.
  if (typeof $close === 'function') return (bounds) => $close.call(closeable, bounds)
  if (typeof close === 'function') return (bounds) => close.call(closeable, bounds)
  throw invalid('steps', closeable, 'objects with close or $close, or functions')
}
