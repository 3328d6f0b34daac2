/** A measured figure, and its place: docs/benchmarks.md and docs/performance.md have the machine and the conditions. */
export interface Figure {
  readonly text: string
  readonly source: ResultSource | DocumentSource
}

/** A headline of a file in bench/results. */
interface ResultSource {
  readonly scenario: string
  readonly competitor: string
}

/** A text of a document. */
interface DocumentSource {
  readonly document: string
}

function measured(text: string, scenario: string, competitor = 'shmwire'): Figure {
  return { text, source: { scenario, competitor } }
}

function stated(text: string, document: string): Figure {
  return { text, source: { document } }
}

const PERFORMANCE = 'docs/performance.md'

/** A test compares them with their sources. */
export const FIGURES = {
  roundTrip: measured('441 ns', 'round-trip'),
  roundTripSocket: measured('49.5 µs', 'round-trip', 'shmwire-socket'),
  roundTripNet: measured('48.2 µs', 'round-trip', 'unix-socket-plain'),
  roundTripGrpc: measured('55.5 µs', 'round-trip', 'grpc'),
  roundTripHttp: measured('55.6 µs', 'round-trip', 'http'),
  roundTripOneCore: measured('4.10 µs', 'round-trip-pinned'),
  oneWay: measured('18.7 M/s', 'one-way/64B'),
  framesPlain: measured('25.9 k/s', 'one-way/1MiB'),
  framesViews: measured('39.8 k/s', 'one-way/1MiB', 'shmwire-views'),
  asleep: measured('23.9 µs', 'round-trip-asleep', 'shmwire-sleep'),
  call: measured('2.63 µs', 'call', 'shmwire-service'),
  callGrpc: measured('304 µs', 'call', 'grpc-calls'),
  serverStream: measured('3.01 M/s', 'server-stream', 'shmwire-service'),
  grpcGateway: stated('25,000 to 28,000', PERFORMANCE),
  restGateway: stated('9,600 to 11,900', PERFORMANCE),
  topic: stated('6.2 to 7.7 M/s', PERFORMANCE),
  cell: stated('0.5 µs', PERFORMANCE),
  queue: stated('508 to 542 k/s', PERFORMANCE),
  storedQueue: stated('27,230 to 33,057', 'docs/decisions/0062-sqlite-store.md'),
  jetStream: stated('1.4 to 1.7 times', PERFORMANCE),
} as const satisfies Record<string, Figure>
