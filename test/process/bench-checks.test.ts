import { describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { wholeReport } from '../../bench/support/documents.mjs'
// @ts-expect-error: plain JavaScript
import { measureEcho } from '../../bench/support/echo.mjs'
// @ts-expect-error: plain JavaScript
import { spread } from '../../bench/support/figures.mjs'
// @ts-expect-error: plain JavaScript
import { ratioOf } from '../../bench/support/measure.mjs'
// @ts-expect-error: plain JavaScript
import { measureOneWay, serveOneWay } from '../../bench/support/one-way.mjs'
// @ts-expect-error: plain JavaScript
import { judge } from '../../bench/support/verdicts.mjs'

const MESSAGE_BYTES = 64
const MIDDLE = 31
const OPTIONS = { messageBytes: MESSAGE_BYTES, warmUpMs: 1, durationMs: 1 }

/** Two ends in one process; `carry` transforms each message to the server. */
function connectionPair(carry: (message: Buffer) => Buffer) {
  const end = () => ({
    onMessage: (_message: Buffer) => {},
    onDrain: () => {},
    onClose: () => {},
    trySend: (_message: Uint8Array) => true,
  })
  const [client, server] = [end(), end()]
  client.trySend = (message) => {
    const copy = carry(Buffer.from(message))
    queueMicrotask(() => server.onMessage(copy))
    return true
  }
  server.trySend = (message) => {
    const copy = Buffer.from(message)
    queueMicrotask(() => client.onMessage(copy))
    return true
  }
  return { client, server }
}

/** Changes a byte that belongs to no number, and only in measured messages. */
function garble(message: Buffer): Buffer {
  if (message.length === MESSAGE_BYTES) message[MIDDLE] = 1 ^ (message[MIDDLE] ?? 0)
  return message
}

function measureStream(carry: (message: Buffer) => Buffer): Promise<unknown> {
  const { client, server } = connectionPair(carry)
  serveOneWay(
    server,
    {},
    (message: Buffer, sequence: number) =>
      message.length === MESSAGE_BYTES && message.readUInt32LE(0) === sequence,
  )
  const message = Buffer.alloc(MESSAGE_BYTES)
  return measureOneWay(client, OPTIONS, {
    clockEvery: 1,
    trySend(sequence: number) {
      message.writeUInt32LE(sequence, 0)
      return client.trySend(message)
    },
    tryProve(sequence: number, fill: (bytes: Buffer, stamp: () => void) => void) {
      fill(message, () => message.writeUInt32LE(sequence, 0))
      return client.trySend(message)
    },
  })
}

describe('the checks of a competitor', () => {
  it('accept a stream that arrives unchanged', async () => {
    await expect(measureStream((message) => message)).resolves.toMatchObject({
      messages: expect.any(Number),
    })
  })

  it('report a changed byte in the middle of a streamed message', async () => {
    await expect(measureStream(garble)).rejects.toThrow('another checksum')
  })

  it('report a changed byte in the middle of an echo', async () => {
    const run = () => ({ messages: 0, seconds: 1, latencyNanos: () => ({}) })
    const measureWith = (exchange: (message: Buffer) => Buffer) =>
      measureEcho({}, OPTIONS, run, { ask: () => ({ messages: 0, cpuSeconds: 0 }), exchange })
    await expect(measureWith((message) => message)).resolves.toBeDefined()
    await expect(measureWith((message) => garble(Buffer.from(message)))).rejects.toThrow(
      'the echo of random bytes is another',
    )
  })
})

const HEADLINE = { name: 'messages', unit: 'per second' }

function row(name: string, headline: number, more = {}) {
  return {
    name,
    title: name,
    transport: 'any',
    headline,
    noisy: false,
    median: {},
    repetitions: [{}],
    ...more,
  }
}

function resultsOf(node: string, competitors: unknown[], verdicts: unknown[] = []) {
  return {
    date: '2026-01-02T03:04:05.678Z',
    commit: '0123456789ab',
    machine: { cpu: 'a CPU', cores: 2, kernel: 'Linux', architecture: 'x', node, loadAverage: 0 },
    scenarios: [
      { name: 'one-way', title: 'One way', question: '?', headline: HEADLINE, options: {}, competitors },
    ],
    verdicts,
  }
}

describe('the report of the figures', () => {
  it('marks figures around a negative median as noisy', () => {
    expect(spread([-9000, -7000, 30])).toMatchObject({ noisy: true })
    expect(spread([100, 101, 102])).toMatchObject({ noisy: false })
  })

  it('omits the ratio of a figure below zero', () => {
    expect(ratioOf({ headline: -7332 }, { headline: 7990 }, { unit: 'bytes' })).toBeUndefined()
    expect(ratioOf({ headline: 4000 }, { headline: 8000 }, { unit: 'bytes' })).toBe(2)
  })

  it.each([
    ['its own figure', { noisy: true }, {}],
    ['the figure it is compared with', {}, { noisy: true }],
  ])('reports for a target that %s is noisy', (_which, ours, other) => {
    const targets = [
      { what: 'it', scenario: 'one-way', competitor: 'shmwire', reference: 'net', atLeast: 2, aim: 9 },
    ]
    const { scenarios } = resultsOf('v20.1.0', [row('shmwire', 30, ours), row('net', 10, other)])
    expect(judge(targets, scenarios, 'v20.1.0')).toMatchObject([{ verdict: 'reached', noisy: true }])
  })

  it('lists a case in which plain calls lose although another variant of shmwire wins', () => {
    const results = resultsOf('v20.1.0', [row('shmwire-zero-copy', 900), row('net', 20), row('shmwire', 10)])
    expect(wholeReport(results, [])).toMatch(
      /^- One way: messages 10\.0\/s with shmwire; better: net 20\.0\/s; also measured: shmwire-zero-copy 900\/s\.$/m,
    )
  })

  it('adds the targets that apply only to a newer Node', () => {
    const verdict = { reference: 'net', atLeast: 2, value: 3, verdict: 'reached' }
    const results = resultsOf('v20.1.0', [row('shmwire', 10)], [{ ...verdict, what: 'first' }])
    const newer = resultsOf(
      'v26.2.0',
      [row('shmwire', 77)],
      [
        { ...verdict, what: 'first' },
        { ...verdict, what: 'second', nodeMin: 26 },
      ],
    )
    const report = wholeReport(results, [newer])
    expect(report).toContain('| first | 3 × | 2 × |  | reached |')
    expect(report).toContain('| second, Node v26.2.0 | 3 × | 2 × |  | reached |')
    expect(report).not.toContain('| first, Node v26.2.0 |')
    expect(report).toContain('## One way, Node v26.2.0')
  })
})
