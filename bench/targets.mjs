/**
 * Targets and aims of shmwire, as ratios in one run on an otherwise idle machine with two cores.
 *
 * @typedef {object} Target
 * @property {string} what its name for readers
 * @property {string} scenario as `--only` names it
 * @property {string} competitor
 * @property {string} [reference] without one, `atMost` is of the headline itself
 * @property {number} [atLeast] times better than the reference
 * @property {number} [atMost] times as long, or as slow, as the reference
 * @property {number} [aim] the better value of the same type
 * @property {number} [nodeMin] the major version of Node from which on it is asked
 */

/** @type {readonly Target[]} */
export const TARGETS = [
  {
    what: 'Blocking round trip against the exchange of one cache line',
    scenario: 'round-trip-blocking',
    competitor: 'shmwire-spin',
    reference: 'native-bounce',
    atMost: 5,
    aim: 2.5,
  },
  {
    what: 'Event-loop round trip, adaptive',
    scenario: 'round-trip',
    competitor: 'shmwire',
    reference: 'unix-socket-plain',
    atLeast: 10,
    aim: 16,
  },
  {
    what: 'Event-loop round trip, both asleep between messages',
    scenario: 'round-trip-asleep',
    competitor: 'shmwire-sleep',
    reference: 'unix-socket-plain',
    atLeast: 1.2,
    aim: 1.5,
  },
  {
    what: 'One way, 64 B',
    scenario: 'one-way/64B',
    competitor: 'shmwire',
    reference: 'unix-socket-plain',
    atLeast: 20,
    aim: 35,
  },
  {
    what: 'One way, 64 B, corked against plain calls',
    scenario: 'one-way/64B',
    competitor: 'shmwire-corked',
    reference: 'shmwire',
    atLeast: 1.5,
    aim: 1.9,
  },
  {
    what: 'One way, 1 KiB',
    scenario: 'one-way/1KiB',
    competitor: 'shmwire',
    reference: 'unix-socket-plain',
    atLeast: 15,
    aim: 25,
  },
  {
    what: 'One way, 1 MiB, plain calls',
    scenario: 'one-way/1MiB',
    competitor: 'shmwire',
    reference: 'unix-socket-plain',
    atLeast: 2,
    aim: 4,
  },
  {
    what: 'One way, 1 MiB, zero copy',
    scenario: 'one-way/1MiB',
    competitor: 'shmwire-zero-copy',
    reference: 'unix-socket-plain',
    atLeast: 5,
    aim: 10,
  },
  {
    what: 'Objects of six fields against process.send, json',
    scenario: 'objects',
    competitor: 'shmwire',
    reference: 'process-json',
    atLeast: 5,
    aim: 8,
  },
  {
    what: 'Objects of six fields against process.send, advanced',
    scenario: 'objects',
    competitor: 'shmwire',
    reference: 'process-advanced',
    atLeast: 5,
    aim: 8,
    nodeMin: 26,
  },
  {
    what: 'Our ring in C++, 64 B, against memcpy and one cache line a batch',
    scenario: 'one-way/64B',
    competitor: 'native-ring',
    reference: 'native-handover',
    atMost: 3,
    aim: 1.5,
  },
  {
    what: 'CPU of a server with 1,000 open, idle channels, in percent of a core',
    scenario: 'idle',
    competitor: 'shmwire',
    // Rounds to 0.0: the figure includes the cost of its own measurement.
    atMost: 0.05,
  },
  {
    what: 'Round trip on one core, adaptive',
    scenario: 'round-trip-pinned',
    competitor: 'shmwire',
    reference: 'unix-socket-plain',
    atLeast: 2,
    aim: 3,
  },
  {
    what: 'Round trip on one core, both asleep between messages',
    scenario: 'round-trip-asleep-pinned',
    competitor: 'shmwire-sleep',
    reference: 'unix-socket-plain',
    atLeast: 1.2,
    aim: 1.5,
  },
  {
    what: 'A call of birpc against process.send',
    scenario: 'birpc',
    competitor: 'birpc-shmwire',
    reference: 'birpc-process',
    atLeast: 8,
    aim: 15,
  },
  {
    what: 'A request to Fastify against a Unix socket',
    scenario: 'fastify-latency',
    competitor: 'fastify-shmwire',
    reference: 'fastify-socket',
    atLeast: 3,
    aim: 5,
  },
  {
    what: 'Requests a second to Fastify against a Unix socket',
    scenario: 'fastify-throughput',
    competitor: 'fastify-shmwire',
    reference: 'fastify-socket',
    atLeast: 1.3,
    aim: 2,
  },
  {
    what: 'Unary call of a service against gRPC',
    scenario: 'call',
    competitor: 'shmwire-service',
    reference: 'grpc-calls',
    atLeast: 30,
    aim: 80,
  },
  {
    what: 'Unary call of a service against channel.request',
    scenario: 'call',
    competitor: 'shmwire-service',
    reference: 'shmwire-request',
    atMost: 1.5,
    aim: 1.2,
  },
  {
    what: 'Items of a server stream against gRPC, plain generator',
    scenario: 'server-stream',
    competitor: 'shmwire-service',
    reference: 'grpc-calls',
    atLeast: 20,
    aim: 50,
  },
  {
    what: 'First call of a new client against connect alone',
    scenario: 'first-call',
    competitor: 'shmwire-service',
    reference: 'shmwire-connect',
    atMost: 1.5,
    aim: 1.2,
  },
  {
    what: 'Task of a worker pool against piscina, one at a time',
    scenario: 'pool/one',
    competitor: 'shmwire-pool',
    reference: 'piscina',
    atLeast: 1,
    aim: 5,
  },
  {
    what: 'Tasks of a worker pool against piscina, 100 at once',
    scenario: 'pool/100',
    competitor: 'shmwire-pool',
    reference: 'piscina',
    atLeast: 1,
    aim: 5,
  },
  ...[
    ['shmwire', 'adaptive'],
    ['shmwire-sleep', 'sleep'],
    ['shmwire-spin', 'spin'],
  ].map(([competitor, mode]) => ({
    what: `Longest round trip with random gaps, wait: '${mode}'`,
    scenario: 'random-gaps',
    competitor,
    reference: 'unix-socket-plain',
    atMost: 2,
    aim: 1,
  })),
]
