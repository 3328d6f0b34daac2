import { describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { wholeReport } from '../../bench/support/documents.mjs'
// @ts-expect-error: plain JavaScript
import { measureEcho } from '../../bench/support/echo.mjs'
// @ts-expect-error: plain JavaScript
import { spread } from '../../bench/support/figures.mjs'
// @ts-expect-error: plain JavaScript
import { machineKey } from '../../bench/support/machine.mjs'
// @ts-expect-error: plain JavaScript
import { ratioOf } from '../../bench/support/measure.mjs'
// @ts-expect-error: plain JavaScript
import { measureOneWay, serveOneWay } from '../../bench/support/one-way.mjs'
// @ts-expect-error: plain JavaScript
import { judge, showFound } from '../../bench/support/verdicts.mjs'
// @ts-expect-error: plain JavaScript
import { BEST_OF_OTHERS } from '../../bench/targets.mjs'

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
    expect(judge(targets, scenarios, 'v20.1.0')).toMatchObject([{ verdict: 'met', noisy: true }])
  })

  it('lists a case in which plain calls lose although another variant of shmwire wins', () => {
    const results = resultsOf('v20.1.0', [row('shmwire-zero-copy', 900), row('net', 20), row('shmwire', 10)])
    expect(wholeReport(results, [])).toMatch(
      /^- One way: messages 10\.0\/s with shmwire; better: net 20\.0\/s; also measured: shmwire-zero-copy 900\/s\.$/m,
    )
  })

  it('adds the targets that apply only to a newer Node', () => {
    const verdict = { reference: 'net', atLeast: 2, value: 3, verdict: 'met' }
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
    expect(report).toContain('| first | 2 × |  | 3 × | met |')
    expect(report).toContain(
      'Node v26.2.0:\n\n| target | expected | aim | measured |  |\n| --- | ---: | ---: | ---: | --- |\n| second | 2 × |  | 3 × | met |',
    )
    expect(report.match(/^\| first \|/gm)).toHaveLength(1)
    expect(report).toContain('## One way, Node v26.2.0')
  })

  it('shows two machines side by side, and each target with the verdict of both', () => {
    const verdict = { what: 'first', reference: 'net', atLeast: 2, value: 3, verdict: 'met' }
    const first = resultsOf('v20.1.0', [row('shmwire', 20), row('net', 10)], [verdict])
    const second = resultsOf(
      'v20.9.0',
      [row('shmwire', 70)],
      [{ ...verdict, value: 1, verdict: 'not met', id: 'first' }],
    )
    second.machine.cpu = 'Other(R) CPU 7'
    const report = wholeReport(first, [second])
    expect(report).toContain('|  | a: messages | Other 7: messages |')
    expect(report).toMatch(/^\| shmwire \| 20\.0\/s \| 70\.0\/s \|$/m)
    expect(report).toMatch(/^\| net \| 10\.0\/s \| – \|$/m)
    expect(report).toContain('| first | 2 × |  | 3 × | met | 1 × | not met |')
  })

  it('lists an unmet target with its reason, or states that it has none', () => {
    const verdict = { atLeast: 2, reference: 'net', value: 1, verdict: 'not met' }
    const verdicts = [
      { ...verdict, what: 'first', id: 'one-way-1KiB' },
      { ...verdict, what: 'second', id: 'no such target' },
    ]
    const report = wholeReport(resultsOf('v20.1.0', [row('shmwire', 10)], verdicts), [])
    expect(report).toMatch(/^- first: 1 × instead of 2 ×\. The receiver copies into memory/m)
    expect(report).toMatch(/^- second: 1 × instead of 2 ×\. The reason is not known yet/m)
  })
})

describe('the verdict on a target', () => {
  const table = (name: string, competitors: unknown[], headline = HEADLINE) => ({
    name,
    title: `title of ${name}`,
    headline,
    competitors,
  })

  it('compares with the best of the others, without shmwire and programs in C++', () => {
    const competitors = [
      row('shmwire', 30),
      row('shmwire-zero-copy', 900),
      row('native-ring', 800, { transport: 'native' }),
      row('net', 10),
      row('worker', 20),
    ]
    const target = { scenario: 'one-way', competitor: 'shmwire', reference: BEST_OF_OTHERS, atLeast: 1.2 }
    expect(judge([target], [table('one-way', competitors)], 'v20.1.0')).toMatchObject([
      { verdict: 'met', value: 1.5 },
    ])
  })

  it('is that of the worst of several scenarios, and names it', () => {
    const target = {
      scenario: ['a', 'b', 'c'],
      competitor: 'shmwire',
      reference: ['none', 'net'],
      atLeast: 1,
    }
    const tables = [
      table('a', [row('shmwire', 20), row('net', 10)]),
      table('b', [row('shmwire', 5), row('net', 10)]),
    ]
    expect(judge([target], tables, 'v20.1.0')).toMatchObject([
      {
        verdict: 'not met',
        value: 0.5,
        where: 'title of b',
        missing: '1 of 3 scenarios not measured',
      },
    ])
  })

  it('without a reference is of the headline, in its unit', () => {
    const target = { scenario: 'memory', competitor: 'shmwire', atMost: 160 * 1024, aim: 144 * 1024 }
    const verdictOf = (bytes: number) =>
      judge([target], [table('memory', [row('shmwire', bytes)], { name: 'm', unit: 'kibibytes' })], 'v20')[0]
    expect(verdictOf(150 * 1024)).toMatchObject({ verdict: 'met' })
    expect(verdictOf(144 * 1024)).toMatchObject({ verdict: 'aim met' })
    expect(verdictOf(161 * 1024)).toMatchObject({ verdict: 'not met' })
    expect(showFound(verdictOf(150 * 1024))).toBe('150 KiB')
  })

  it('is not hidden when the competitor failed', () => {
    const target = { scenario: 'one-way', competitor: 'shmwire', reference: 'net', atLeast: 2 }
    const failed = { name: 'shmwire', title: 'shmwire', error: 'it ended with code 1' }
    expect(judge([target], [table('one-way', [failed, row('net', 10)])], 'v20.1.0')).toMatchObject([
      { verdict: 'not measured', why: 'it ended with code 1' },
    ])
  })
})

describe('the name of the results', () => {
  it.each([
    ['Intel(R) Xeon(R) Processor', 'intel-xeon-2-cores-node-20'],
    ['AMD EPYC', 'amd-epyc-2-cores-node-20'],
    ['Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz', 'intel-core-i7-8700-2-cores-node-20'],
  ])('differs between processors: %s', (cpu, key) => {
    expect(machineKey({ cpu, cores: 2, node: 'v20.20.2' })).toBe(key)
  })
})
