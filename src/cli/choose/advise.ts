import { FIGURES } from './figures.js'
import { PATTERNS, type PatternName } from './patterns.js'
import type { Answers } from './questions.js'

/** The link, the pattern and the gateway for some answers. */
export interface Advice {
  readonly link: Choice
  readonly pattern: Choice
  /** Undefined: both sides use the package, and need none. */
  readonly gateway: Choice | undefined
  /** Options and limits, one sentence each. */
  readonly hints: readonly string[]
}

/** `why` is a sentence without its end. */
export interface Choice {
  readonly title: string
  readonly why: string
  readonly document: string
}

export function advise(answers: Answers): Advice {
  const pattern = patternOf(answers)
  return {
    link: linkOf(answers, pattern),
    pattern: pattern === 'jetStream' ? overJetStream(answers) : choiceOf(pattern, placeOf(answers)),
    gateway: gatewayOf(answers, pattern),
    hints: hintsOf(answers, pattern),
  }
}

function choiceOf(name: PatternName, place = ''): Choice {
  const { title, document, performance, figure } = PATTERNS[name]
  return { title, document, why: `performance: ${performance}; ${place}${figure}` }
}

/** The figures were measured between two processes of this package on one machine. */
function placeOf({ machines, language }: Answers): string {
  return machines === 'same' && language === 'javascript' ? '' : 'over shared memory, '
}

/** The engine carries the same patterns, but calls only through a queue. */
function overJetStream({ receivers }: Answers): Choice {
  const carried = {
    subscribers: 'topic',
    readers: 'cell',
    worker: 'queue',
    callee: 'queue',
    peer: 'queue',
  } as const
  const { why, document } = choiceOf('jetStream')
  return { title: `${PATTERNS[carried[receivers]].title} over NATS JetStream`, why, document }
}

function patternOf({ receivers, durability }: Answers): PatternName {
  if (durability === 'machine') return 'jetStream'
  if (durability === 'crash')
    return receivers === 'subscribers' || receivers === 'readers' ? 'jetStream' : 'storedQueue'
  if (receivers === 'callee') return 'service'
  if (receivers === 'peer') return 'channel'
  if (receivers === 'subscribers') return 'topic'
  if (receivers === 'readers') return 'cell'
  return 'queue'
}

function linkOf({ machines, language }: Answers, pattern: PatternName): Choice {
  if (pattern === 'jetStream')
    return {
      title: 'servers of NATS, with the option engine: jetStream(…)',
      why: 'they hold the messages, and every machine reaches them',
      document: 'docs/nats.md',
    }
  if (machines === 'several' && language === 'javascript')
    return {
      title: `a tunnel through a gateway, or tls://host:port`,
      why: 'shared memory ends at the machine; both carry the same channels, encrypted',
      document: 'docs/tunnels.md',
    }
  return {
    title:
      language === 'javascript'
        ? `shared memory: a name such as 'prices'`
        : 'shared memory, between the service and its gateway',
    why:
      language === 'javascript'
        ? `a round trip takes ${FIGURES.roundTrip.text}, and ${FIGURES.roundTripNet.text} over a socket of node:net`
        : 'both run on one machine; clients reach the gateway over the network',
    document: 'docs/performance.md',
  }
}

function gatewayOf({ language, machines }: Answers, pattern: PatternName): Choice | undefined {
  if (language === 'web') return forService('rest', pattern)
  if (language === 'javascript') {
    if (machines === 'same' || pattern === 'jetStream') return undefined
    return {
      title: 'a gateway that accepts tunnels',
      why: 'one port for all servers of a machine, and tunnels survive lost connections',
      document: 'docs/tunnels.md',
    }
  }
  if (pattern === 'jetStream')
    return { title: 'none: clients of NATS', why: 'they exist for most languages', document: 'docs/nats.md' }
  return forService('grpc', pattern)
}

/** Gateways pass calls. The other patterns need a service in front of them. */
function forService(name: 'grpc' | 'rest', pattern: PatternName): Choice {
  const { title, document, figure } = PATTERNS[name]
  if (pattern === 'service') return { title, document, why: figure }
  const stream = pattern === 'topic' || pattern === 'cell' || pattern === 'channel' || pattern === 'jetStream'
  const how = stream ? 'its server stream passes the messages on' : 'its method pushes the jobs'
  return {
    title: `${title}, with a service in front of ${pattern === 'jetStream' ? 'NATS' : PATTERNS[pattern].title}`,
    document,
    why: `${how}; ${figure}`,
  }
}

function hintsOf(answers: Answers, pattern: PatternName): string[] {
  return [...rateHints(answers, pattern), ...durabilityHints(answers, pattern)]
}

function rateHints(answers: Answers, pattern: PatternName): string[] {
  const { rate, language, machines } = answers
  const isLocal = machines === 'same' && language === 'javascript' && pattern !== 'jetStream'
  if (!isLocal) return distantHints(answers, pattern)
  if (rate === 'low')
    return [
      `Pass wait: 'sleep': a reader that never polls saves CPU time, and a round trip between two sleeping sides takes ${FIGURES.asleep.text}.`,
    ]
  if (rate === 'high')
    return ['The defaults suit this rate. Give each of the two processes a core of its own.']
  if (pattern === 'storedQueue')
    return [
      `The disk bounds the queue: ${FIGURES.storedQueue.text} jobs a second. Keep what may be lost out of it.`,
    ]
  return rate === 'frames' ? frameHints(pattern) : extremeHints(pattern)
}

/** A gateway, a tunnel or a broker is between the two sides. */
function distantHints({ rate }: Answers, pattern: PatternName): string[] {
  if (rate === 'low') return ['The defaults suit this rate.']
  if (rate === 'high') return ['The defaults suit this rate. Measure the link with your own messages.']
  const slower = `Gateways, tunnels and brokers are slower: batch messages, or keep both sides on one machine, where messages of 64 bytes arrive at ${FIGURES.oneWay.text} over shared memory.`
  if (rate !== 'frames' || pattern !== 'jetStream') return [slower]
  return [
    'The servers of NATS refuse messages longer than max_payload, by default 1 MiB: raise it, or send a frame in parts.',
    slower,
  ]
}

function frameHints(pattern: PatternName): string[] {
  if (pattern === 'topic')
    return ['Set ringBytes of the topic to at least eight times the length of a frame.']
  if (pattern === 'cell') return ['Set maxValueBytes of the cell to the length of a frame.']
  const inPlace = `claim fills a frame in place, and views reads it there: frames of 1 MiB arrive at ${FIGURES.framesViews.text} with views, and at ${FIGURES.framesPlain.text} without.`
  const ring = 'Set ringBytes to eight times the length of a frame.'
  return pattern === 'channel'
    ? [`Use claim and views: ${inPlace}`, ring]
    : [`Pass the frames over a channel: ${inPlace}`, ring]
}

function extremeHints(pattern: PatternName): string[] {
  const cores = `Give each process a core of its own: on one core, a round trip takes ${FIGURES.roundTripOneCore.text}.`
  if (pattern !== 'channel') return [`Use codec: 'bytes', or send objects with the same keys.`, cores]
  return [
    `Listen to messages instead of message, and use codec: 'bytes': messages of 64 bytes arrive at ${FIGURES.oneWay.text}.`,
    cores,
  ]
}

function durabilityHints({ durability, receivers }: Answers, pattern: PatternName): string[] {
  if (durability === 'none') return []
  if (pattern === 'storedQueue' && receivers === 'callee')
    return [
      'Use request of the queue for the answer; the job runs at least once, so its effects must tolerate that.',
    ]
  if (pattern === 'storedQueue') return ['A job runs at least once, so its effects must tolerate that.']
  if (receivers === 'callee') return ['Use request of a queue of the engine for the answer.']
  if (receivers === 'subscribers')
    return ['Event sourcing: readers that start later read from the beginning.']
  return []
}
