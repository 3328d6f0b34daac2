import type { CaseOptions } from '../scenarios/scenario.js'

/**
 * One competitor of the benchmark: a way to move messages between two processes. Each is one file in this
 * folder that exports `baseline`; the file's name is its name on the command line and in the results.
 *
 * Each baseline uses the best methods of its library: batching, no unnecessary copies, back-pressure.
 * A competitor that is slowed down proves nothing.
 */
export interface Baseline {
  /** A short name for readers. */
  readonly title: string
  /** The packages of bench/package.json that it needs. */
  readonly packages?: readonly string[]
  /** Takes part only in the scenarios that name it: one of our own options, for one question. */
  readonly isVariant?: boolean
  /** Why it takes part in no scenario: this version lacks a feature that it needs. */
  readonly absent?: string
  /** Features that most competitors lack. */
  readonly offers?: readonly Ability[]
  /** Features that only it lacks, with the reason, which the row of a scenario that needs one shows. */
  readonly lacks?: Partial<Record<Ability, string>>
  /** It transfers JavaScript values itself. In scenarios with values, the others get JSON text. */
  readonly carriesValues?: boolean
  /** `connect` itself starts the server's side, as its own child or thread. */
  readonly startsServer?: boolean
  /** Waits for peers at `address.path`, which does not exist yet, in a folder of its own. Resolves once a peer can connect. */
  listen(address: Address, onConnection: (connection: Connection) => void): Promise<Listener>
  connect(address: Address): Promise<Connection>
}

/**
 * A figure from C++ for comparison: a bound of the machine, or our own core without Node.
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

/**
 * A way to call functions of another process, for the scenarios of calls that name it. Like a Baseline, it uses the
 * best methods of its library.
 */
export interface CallBaseline {
  readonly title: string
  readonly packages?: readonly string[]
  readonly isVariant: true
  /** `connect` needs no server process. */
  readonly startsServer?: boolean
  /** Waits for callers at `address.path`. Resolves once one can connect. */
  listen?(address: Address, handlers: CallHandlers): Promise<Listener>
  connect(address: Address): Promise<Caller>
}

/** The functions of a server. */
export interface CallHandlers {
  readonly call: (message: Buffer) => Buffer
  /** The messages of a server stream. Each stays valid until 1,000 more were taken. */
  readonly items: (request: Buffer) => Generator<Buffer, void>
}

/** The client of one server. The arguments of its functions may be changed once they have resolved. */
export interface Caller {
  readonly transport: string
  /** Only its connection is measured. */
  readonly connectsOnly?: boolean
  call(message: unknown): Promise<unknown>
  /** Calls `onItem` for each message of a server stream. Resolves at its end. */
  receive?(request: Buffer, onItem: (item: Buffer) => void): Promise<void>
  /** Makes a call through three hops that is never answered. Resolves to how late its caller and each hop noticed the deadline, in nanoseconds. */
  expire?(timeoutMs: number): Promise<Record<'caller' | 'hop1' | 'hop2' | 'hop3', number>>
  close(): Promise<void>
}

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

/** Messages keep their boundaries, order and bytes; with `options.values` they are JavaScript values. */
export interface Connection {
  /** The transport, as the competitor names it. */
  readonly transport: string
  /**
   * Sends a message, or does nothing and returns false when `PENDING_BYTES_MAX` (../support/bounds.mjs) or more wait; `onDrain` follows.
   * A message of less than `KEPT_BYTES_MIN` may be changed at once. The memory of a longer one may be in use until
   * twice `PENDING_BYTES_MAX` have been sent after it, so that a socket need not copy it.
   */
  trySend(message: Uint8Array): boolean
  /**
   * If messages can be created in place: calls `fill` for one of `byteLength` bytes, whose memory holds an older message,
   * and sends it. Or does nothing and returns false, like `trySend`.
   */
  tryFill?(byteLength: number, fill: (bytes: Buffer) => void): boolean
  /** If it carries text: encodes a message that several connections send. `trySend` takes the result as it is. */
  encode?(message: unknown): Buffer
  /** Called for each message. Its memory never changes, or only after this returns if it is read in place. A server without `push` replies before it returns. */
  onMessage: (message: Buffer) => void
  /** Called when there is room again. */
  onDrain: () => void
  /** Called once when the connection has ended on either side. */
  onClose: () => void
  /** Delivers what was sent, then closes. */
  close(): Promise<void>
  /** With `blocking`: stops the calls of `onMessage`; messages wait for `receiveSync`. */
  holdMessages?(): void
  /** With `blocking`; they throw after the timeout. */
  sendSync?(message: Uint8Array, timeoutMs: number): void
  receiveSync?(timeoutMs: number): Buffer
  /** With `handler`. */
  requestSync?(message: Uint8Array, timeoutMs: number): Buffer
  handle?(handler: (message: Buffer) => Uint8Array): void
}
