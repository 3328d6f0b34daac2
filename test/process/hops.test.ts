import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type CallOptions, type ClientMembers, client, connect, ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

type Hop = ClientMembers & {
  relay(request?: unknown, options?: CallOptions): Promise<unknown>
  stream(request?: unknown, options?: CallOptions): AsyncIterable<number>
}

type Report = Readonly<Record<string, unknown>>

const NAMES = ['a', 'b', 'c'] as const
/** Of the codes with which a call can end at a deadline, whichever timer fires first. */
const AT_DEADLINE: readonly unknown[] = [ErrorCode.TIMEOUT, ErrorCode.ABORTED]
const DEADLINES = 20
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

beforeAll(() => ensureBuilt())

let hops: Child[]
let reports: Report[]
let first: Hop
beforeEach(async () => {
  ownRuntimeDirectory()
  hops = []
  reports = []
  // The last one first: each connects to the next.
  for (const [index, name] of [...NAMES.entries()].toReversed()) {
    const next = NAMES[index + 1]
    const hop = new Child('hop', { args: [name, ...(next === undefined ? [] : [next])], ipc: true })
    hops.unshift(hop)
    expect(await hop.next()).toEqual({ listening: name })
    void collect(hop)
  }
  const channel = await connect('a')
  first = await client<Hop>(channel, { timeoutMs: Number.POSITIVE_INFINITY })
  return () => channel.destroy()
})

async function collect(hop: Child): Promise<void> {
  try {
    for (;;) reports.push(await hop.next<Report>())
  } catch {
    // The test has ended the process.
  }
}

function reportsOf(name: 'begun' | 'ended' | 'aborted', hop: string): Report[] {
  return reports.filter((report) => report[name] === hop)
}

async function eventuallyAll(name: 'begun' | 'ended' | 'aborted', count = 1): Promise<void> {
  await eventually(() => NAMES.every((hop) => reportsOf(name, hop).length === count))
}

describe('a call through three processes', () => {
  it(`ends in each of them at the deadline of the first caller, ${DEADLINES} times`, async () => {
    const calls = Array.from({ length: DEADLINES }, (_, index) =>
      expect(first.relay({}, { timeoutMs: 1000 + index })).rejects.toMatchObject({
        code: ErrorCode.TIMEOUT,
        status: 'DEADLINE_EXCEEDED',
        executed: 'unknown',
      }),
    )
    await Promise.all(calls)
    await eventually(() =>
      NAMES.every((hop) => reportsOf('begun', hop).length === reportsOf('ended', hop).length),
    )
    for (const hop of NAMES) {
      const begun = reportsOf('begun', hop)
      expect(begun.length).toBeGreaterThan(0)
      for (const { remainingMs } of begun) expect(remainingMs).toBeLessThanOrEqual(1000 + DEADLINES)
      for (const { code } of reportsOf('ended', hop)) expect(AT_DEADLINE).toContain(code)
    }
  })

  it('ends at once if its deadline has passed before it begins', async () => {
    await expect(first.relay({}, { timeoutMs: 0 })).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    await eventually(() => reportsOf('begun', 'a').length === reportsOf('ended', 'a').length)
  })

  it('ends in each of them when the first caller cancels it, with its headers', async () => {
    const controller = new AbortController()
    const options = { signal: controller.signal, metadata: { traceparent: TRACE } }
    const call = first.relay({}, options)
    await eventuallyAll('begun')
    controller.abort()
    await expect(call).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
      status: 'CANCELLED',
      executed: 'unknown',
    })
    await eventuallyAll('ended')
    for (const hop of NAMES) {
      expect(reportsOf('begun', hop)).toEqual([
        { begun: hop, remainingMs: Number.POSITIVE_INFINITY, trace: TRACE },
      ])
      expect(reportsOf('aborted', hop)).toEqual([{ aborted: hop, reason: ErrorCode.ABORTED }])
    }
  })

  it('ends in each of them when the first caller leaves the loop over its messages', async () => {
    const received: number[] = []
    for await (const number of first.stream({})) {
      received.push(number)
      if (received.length === 3) break
    }
    expect(received).toEqual([0, 1, 2])
    await eventuallyAll('ended')
    await eventuallyAll('aborted')
  })

  it('ends in each of them at the deadline of a stream', async () => {
    const received: number[] = []
    const loop = async (): Promise<void> => {
      for await (const number of first.stream({}, { timeoutMs: 5000 })) received.push(number)
    }
    await expect(loop()).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    expect(received).toEqual([0, 1, 2])
    await eventuallyAll('ended')
    await eventuallyAll('aborted')
  })

  it.each(['relay', 'stream'] as const)(
    'ends on both sides of a process in the middle that is killed: %s',
    async (method) => {
      const call = method === 'relay' ? first.relay() : lastOf(first.stream())
      // The handler of the first process passes on the error of its own call.
      const expected = { code: ErrorCode.REMOTE, remoteCode: ErrorCode.PEER_GONE }
      const failed = expect(call).rejects.toMatchObject(expected)
      await eventuallyAll('begun')
      await hops[1]?.kill()
      await failed
      await eventually(() => reportsOf('ended', 'a').length === 1 && reportsOf('ended', 'c').length === 1)
      expect(reportsOf('ended', 'a')).toEqual([{ ended: 'a', code: ErrorCode.PEER_GONE, aborted: false }])
      expect(reportsOf('aborted', 'c')).toEqual([{ aborted: 'c', reason: ErrorCode.PEER_GONE }])
    },
  )
})

async function lastOf(messages: AsyncIterable<number>): Promise<number | undefined> {
  let last: number | undefined
  for await (const message of messages) last = message
  return last
}
