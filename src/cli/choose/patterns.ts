import { FIGURES } from './figures.js'

/** A pattern of messages, or a gateway, in the terms of the decision matrix. */
export interface Pattern {
  readonly title: string
  readonly document: string
  /** For the columns of the matrix. */
  readonly performance: string
  readonly humanReadable: string
  readonly streaming: string
  readonly languageAgnostic: string
  readonly errorHandling: string
  readonly discovery: string
  readonly durability: string
  /** A measured figure, as a sentence without its end. */
  readonly figure: string
}

/** The rows of the decision matrix, in their order. */
export const REQUIREMENTS = {
  performance: 'Performance',
  humanReadable: 'Human Readable',
  streaming: 'Streaming',
  languageAgnostic: 'Language Agnostic',
  errorHandling: 'Error Handling',
  discovery: 'Discovery',
  durability: 'Durability',
} as const satisfies Partial<Record<keyof Pattern, string>>

const OVER_SHARED_MEMORY = {
  performance: 'very high',
  humanReadable: 'no',
  languageAgnostic: 'JavaScript only, or implement docs/protocol.md',
  discovery: '`listServers`',
  durability: 'none',
}

export const PATTERNS = {
  channel: {
    ...OVER_SHARED_MEMORY,
    title: 'a channel',
    document: 'docs/guide.md',
    streaming: 'yes',
    errorHandling: 'manual: error codes',
    figure: `a round trip of 64 bytes takes ${FIGURES.roundTrip.text} over shared memory, and ${FIGURES.roundTripSocket.text} over its socket`,
  },
  service: {
    ...OVER_SHARED_MEMORY,
    title: 'a service',
    document: 'docs/services.md',
    streaming: 'yes',
    errorHandling: 'rich status codes',
    figure: `a call takes ${FIGURES.call.text}, and ${FIGURES.callGrpc.text} with gRPC over a Unix socket; a stream of messages has ${FIGURES.serverStream.text}`,
  },
  topic: {
    ...OVER_SHARED_MEMORY,
    title: 'a topic',
    document: 'docs/topics.md',
    streaming: 'yes',
    errorHandling: 'custom: counts of lost messages',
    figure: `messages of 64 bytes arrive at four subscribers at ${FIGURES.topic.text} together`,
  },
  cell: {
    ...OVER_SHARED_MEMORY,
    title: 'a cell',
    document: 'docs/cells.md',
    streaming: 'limited: the latest value',
    errorHandling: 'custom: `stale`',
    figure: `a new value of 1 KiB is read in ${FIGURES.cell.text}`,
  },
  queue: {
    ...OVER_SHARED_MEMORY,
    title: 'a queue',
    document: 'docs/queues.md',
    performance: 'high',
    streaming: 'no',
    errorHandling: 'custom: attempts, dead letters',
    figure: `two workers acknowledge jobs at ${FIGURES.queue.text}`,
  },
  storedQueue: {
    ...OVER_SHARED_MEMORY,
    title: 'a queue with `store`',
    document: 'docs/queues.md',
    performance: 'medium',
    streaming: 'no',
    errorHandling: 'custom: attempts, dead letters',
    durability: 'a crash, a power failure',
    figure: `${FIGURES.storedQueue.text} jobs a second reach the disk`,
  },
  jetStream: {
    title: 'NATS JetStream',
    document: 'docs/nats.md',
    performance: 'medium',
    humanReadable: 'no',
    streaming: 'as its pattern',
    languageAgnostic: 'yes: clients of NATS',
    errorHandling: 'custom: as its pattern',
    discovery: 'broker-based',
    durability: 'the loss of a machine',
    figure: `the engine does ${FIGURES.jetStream.text} the jobs of the bare client`,
  },
  grpc: {
    title: 'the gRPC gateway',
    document: 'docs/grpc.md',
    performance: 'high',
    humanReadable: 'no',
    streaming: 'yes',
    languageAgnostic: 'yes',
    errorHandling: 'rich status codes',
    discovery: 'Protobuf, reflection',
    durability: 'none',
    figure: `one gateway passes ${FIGURES.grpcGateway.text} calls a second on one core`,
  },
  rest: {
    title: 'the REST gateway',
    document: 'docs/rest.md',
    performance: 'medium',
    humanReadable: 'yes',
    streaming: 'limited: server to client',
    languageAgnostic: 'yes',
    errorHandling: 'standard HTTP',
    discovery: 'OpenAPI',
    durability: 'none',
    figure: `one gateway answers ${FIGURES.restGateway.text} requests a second on one core`,
  },
} as const satisfies Record<string, Pattern>

export type PatternName = keyof typeof PATTERNS
