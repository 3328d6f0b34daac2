import type { Ability, Caller, CallHandlers, Connection } from '../baselines/baseline.js'

/** One question to competitors. Each is one file in this folder that exports `scenario`. */
export type Scenario = MessageScenario | CallScenario | SetupScenario

/** A question about messages, to all competitors that move messages. */
export interface MessageScenario extends Question {
  /** The server's side of each connection: ready for any number of measurements, one after the other. */
  serve(connection: Connection, options: CaseOptions): void
  /** The client's side: warms up, measures once, checks that all messages arrived. `connect` opens further connections. */
  measure(connection: Connection, options: CaseOptions, connect: () => Promise<Connection>): Promise<Figures>
}

/** A question about calls, to the competitors that it names. */
export interface CallScenario extends Question {
  readonly competitors: readonly string[]
  /** The functions of the server process; absent without one. `close` runs when the client needs the server no more. */
  handlers?(options: CaseOptions, close: () => void): CallHandlers
  /** Like that of messages. */
  measure(caller: Caller, options: CaseOptions, connect: () => Promise<Caller>): Promise<Figures>
}

/** A question about several processes that no pair of connections can answer: it brings its own competitors. */
export interface SetupScenario extends Question {
  readonly setups: Readonly<Record<string, Setup>>
}

export interface Setup {
  /** Its name for readers. */
  readonly title: string
  readonly transport: string
  /** The packages of bench/package.json, and the programs in the path, that it needs. */
  readonly packages?: readonly string[]
  readonly commands?: readonly string[]
  /** Runs in a new process: starts the others that it needs, warms up, measures once, and ends them. */
  measure(options: CaseOptions): Promise<Figures>
}

interface Question {
  readonly title: string
  /** The question and its conditions, in one or two sentences. */
  readonly question: string
  /** The meaning of `latencyNanos`; absent if there is none. */
  readonly latency?: string
  readonly headline: Headline
  readonly options: Partial<CaseOptions>
  /** The same question with other numbers; each is a table of its own. Default: one, without a name. */
  readonly cases?: readonly Case[]
  readonly needs?: readonly Ability[]
  /** The only baselines that take part. Default: all without `isVariant`. */
  readonly competitors?: readonly string[]
  /** The baseline with which the ratios compare. Default: a Unix socket with `node:net`. */
  readonly reference?: string
  /** Baselines with `isVariant` that take part. */
  readonly variants?: readonly string[]
  /** Competitors that could take part, but do not, with the reason for their row. */
  readonly leavesOut?: Readonly<Record<string, string>>
  /** The competitors do nothing while they are measured, so all of them run at the same time. */
  readonly isTogether?: boolean
  /** Differences from the default lengths (../support/lengths.mjs) in each form of the suite. */
  readonly lengths?: Partial<Record<Form, Partial<Lengths & CaseOptions>>>
  /** The forms in addition to `whole` in which it is measured: all of it, or the named cases. */
  readonly forms?: Partial<Record<Exclude<Form, 'whole'>, true | readonly string[]>>
}

export interface Case {
  readonly name: string
  readonly title: string
  readonly options: Partial<CaseOptions>
  /** In place of those of the scenario. */
  readonly question?: string
  readonly reference?: string
  /** In addition to those of the scenario. */
  readonly variants?: readonly string[]
  readonly leavesOut?: Readonly<Record<string, string>>
}

/** whole: to quote. quick: an overview. smoke: checks that the suite works. */
export type Form = 'whole' | 'quick' | 'smoke'

export interface Lengths {
  readonly repetitions: number
  readonly warmUpMs: number
  readonly durationMs: number
}

/** The options of both sides. A scenario sets those that it uses. */
export interface CaseOptions {
  readonly messageBytes: number
  readonly warmUpMs: number
  readonly durationMs: number
  /** Messages are JavaScript values if the competitor transfers these itself, else JSON text. */
  readonly values?: boolean
  /** Both processes on one core. */
  readonly pinned?: boolean
  /** The size of shmwire's rings if the default is too large, as for a thousand channels. */
  readonly ringBytes?: number
  /** Requests per second. */
  readonly rate?: number
  /** How long each side computes before it sends. */
  readonly workMicros?: number
  readonly connections?: number
  readonly requests?: number
  /** Of a queue: how many in a repetition, and how many pushes without an answer. */
  readonly jobs?: number
  readonly inFlight?: number
  readonly phase?: 'push' | 'work'
  /** Of a gateway: the processes have cores of their own; the method that is called; the options of the service's channel. */
  readonly apart?: boolean
  readonly method?: string
  readonly channel?: object
  /** Additional time that a repetition may take, and that it is expected to take. */
  readonly extraMs?: number
  readonly expectedMs?: number
  /** How long a process rests before it is measured. */
  readonly settleMs?: number
}

export type Unit = 'nanoseconds' | 'per second' | 'bytes per second' | 'percent' | 'bytes' | 'kibibytes'

/** The figure from which the ratios are computed. */
export interface Headline {
  readonly name: string
  readonly unit: Unit
  of(figures: Figures, options: CaseOptions): number
}

/** The figures of one repetition. Without traffic there is no latency and no rate. */
export interface Figures {
  /** Round trips, messages one way, or connections. */
  readonly messages?: number
  readonly seconds: number
  readonly messagesPerSecond?: number
  /** Of messages, in one direction. */
  readonly bytesPerSecond?: number
  readonly latencyNanos?: { p50: number; p99: number; p999: number; max: number }
  /** User and system time of both processes, all their threads. */
  readonly cpuSecondsPerMillion?: { client: number; server: number; both: number }
  /** Of one core, while nothing is sent. */
  readonly cpuPercent?: { client: number; server: number; both: number }
  /** Voluntary context switches per second. */
  readonly wakeUpsPerSecond?: { client: number; server: number; both: number }
  readonly bytesPerChannel?: number
  readonly sharedBytesPerChannel?: number
  /** Of what a topic or a queue accepts, while `messagesPerSecond` counts what arrived or is done. */
  readonly publishedPerSecond?: number
  /** Of a call that is too short to be timed alone. */
  readonly meanNanos?: number
  /** From the deadline of a call to the end of each of its hops. */
  readonly hopNanos?: Record<'hop1' | 'hop2' | 'hop3', number>
  /** The cores of the two at the end. On one core they take turns, which changes all figures. */
  readonly cores?: { client: number | undefined; server: number | undefined }
}
