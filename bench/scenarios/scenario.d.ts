import type { Connection } from '../baselines/baseline.js'

/** One question to all competitors. Each is one file in this folder that exports `scenario`. */
export interface Scenario {
  readonly title: string
  /** What is asked, under which conditions, in a sentence or two. */
  readonly question: string
  readonly messageBytes: number
  /** What `latencyNanos` is here. */
  readonly latency: string
  readonly headline: Headline
  /** What this version of shmwire must reach. */
  readonly target?: Target
  /** The server's side: ready for any number of measurements, one after the other. */
  serve(connection: Connection, options: ScenarioOptions): void
  /** The client's side: warms up, measures once, checks that everything arrived. */
  measure(connection: Connection, options: ScenarioOptions): Promise<Figures>
}

export interface ScenarioOptions {
  readonly messageBytes: number
  readonly warmUpMs: number
  readonly durationMs: number
}

/** The one figure that the ratios are of. */
export interface Headline {
  readonly name: string
  readonly unit: 'nanoseconds' | 'per second'
  of(figures: Figures): number
}

export interface Target {
  readonly competitor: string
  readonly against: string
  readonly ratioMin: number
}

/** What one repetition found. */
export interface Figures {
  /** Round trips, or messages one way. */
  readonly messages: number
  readonly seconds: number
  readonly messagesPerSecond: number
  /** Of messages, in one direction. */
  readonly bytesPerSecond: number
  readonly latencyNanos: { p50: number; p99: number; p999: number; max: number }
  /** User and system time of both processes, all their threads. */
  readonly cpuSecondsPerMillion: { client: number; server: number; both: number }
  /** Where the two were at the end. On one core they take turns; on two each wakes or finds the other. That changes everything. */
  readonly cores: { client: number | undefined; server: number | undefined }
}
