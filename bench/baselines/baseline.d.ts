import type { CaseOptions } from '../scenarios/scenario.js'

/**
 * One competitor of the benchmark: a way to move messages between two processes. Each is one file in this
 * folder that exports `baseline`; the file's name is its name on the command line and in the results.
 *
 * A baseline is to be written as its own best advocate would: batching, no needless copies, back-pressure.
 * A competitor that is made to look bad measures nothing.
 */
export interface Baseline {
  /** For people: what it is, in a few words. */
  readonly title: string
  /** Those of bench/package.json that it needs. */
  readonly packages?: readonly string[]
  /** Takes part only in the scenarios that name it: one of our own options that answers one question. */
  readonly isVariant?: boolean
  /** Why it can take part nowhere: it needs what this version does not have. */
  readonly absent?: string
  /** What it can although most cannot. */
  readonly offers?: readonly Ability[]
  /** What it cannot although most can, and why. Scenarios that need it get a row that says so. */
  readonly lacks?: Partial<Record<Ability, string>>
  /** It carries JavaScript values by itself. The others get JSON text in scenarios of values. */
  readonly carriesValues?: boolean
  /** `connect` starts the server's side itself, as its own child or thread. */
  readonly startsServer?: boolean
  /** Waits for peers at `address.path`, which does not exist yet, in a folder of its own. Resolves once a peer can connect. */
  listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>
  connect(address: Address): Promise<Connection>
}

/**
 * A figure from C++ beside the others: a bound of the machine, or our own core without Node.
 * Takes part only in the scenarios that it names.
 */
export interface NativeBaseline {
  readonly title: string
  /** By scenario, or `scenario/case`: the arguments of the program in bench/native. */
  readonly programs: Readonly<Record<string, (options: CaseOptions) => readonly (string | number)[]>>
}

/**
 * many: several connections to one server process. push: the server sends without being asked.
 * blocking: `sendSync` and `receiveSync`. handler: `requestSync` and `handle`.
 */
export type Ability = 'many' | 'push' | 'blocking' | 'handler'

export interface Address {
  readonly path: string
  readonly options: CaseOptions
  /** With `startsServer`: the program to start, and its only argument or its workerData. */
  readonly peer: { readonly file: string; readonly task: string }
}

export interface Listener {
  /** Once all connections are closed. */
  close(): Promise<void>
}

/** Messages keep their borders, their order and their bytes; with `options.values` they are JavaScript values. */
export interface Connection {
  /** What carries the messages, as the competitor names it. */
  readonly transport: string
  /**
   * Sends a message, or does nothing and returns false when `PENDING_BYTES_MAX` (../support/bounds.mjs) or more wait; `onDrain` follows.
   * A message of less than `KEPT_BYTES_MIN` may be changed at once. The memory of a longer one may be in use until
   * twice `PENDING_BYTES_MAX` have been sent after it: that spares a socket the copy.
   */
  trySend(message: Uint8Array): boolean
  /**
   * Where a message can be made in place: has `fill` make one of `byteLength` bytes, whose memory holds an older message, and sends it; or
   * does nothing and returns false, as `trySend`.
   */
  tryFill?(byteLength: number, fill: (bytes: Buffer) => void): boolean
  /** Each message, in memory that nobody changes later, or where it can be read in place, until this returns. A server without `push` answers before it returns. */
  onMessage: (message: Buffer) => void
  /** There is room again. */
  onDrain: () => void
  /** The connection is over, whoever ended it. Once. */
  onClose: () => void
  /** Delivers what was sent, then closes. */
  close(): Promise<void>
  /** With `blocking`: no more calls of `onMessage`; what comes waits for `receiveSync`. */
  holdMessages?(): void
  /** With `blocking`; they throw when the time is up. */
  sendSync?(message: Uint8Array, timeoutMs: number): void
  receiveSync?(timeoutMs: number): Buffer
  /** With `handler`. */
  requestSync?(message: Uint8Array, timeoutMs: number): Buffer
  handle?(handler: (message: Buffer) => Uint8Array): void
}
