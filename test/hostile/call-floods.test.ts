import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { AnswerFlag, CALLS_OPEN_MAX, CallFlag, METADATA_VALUES_MAX } from '../../src/wire/call-records.js'
import { RecordKind } from '../../src/wire/record-kind.js'
import {
  callOf,
  callsOf,
  framesOf,
  integersOf,
  metadataOf,
  NUMBER,
  openCallOf,
} from '../support/call-bytes.js'
import { CallHarness } from '../support/call-harness.js'
import type { CallPeer } from '../support/call-peer.js'
import { countFromEnvironment } from '../support/random.js'
import { eventually } from '../support/turns.js'

const { CALL, CALL_MORE, CALL_CANCEL, CALL_CREDIT, ANSWER } = RecordKind
/** A million in a long run. */
const FLOOD = countFromEnvironment('SHMWIRE_CALL_FLOOD', 100_000)

const MIB = 1024 * 1024
const NOTHING = Buffer.alloc(0)
const MORE = Buffer.concat([Buffer.from([CallFlag.MESSAGE]), NUMBER])
/** Far more than the honest client waits in an attack: it only shows that the victim is not blocked by one. */
const WAIT_MS_MAX = 10_000
/** Enough for the first to be compiled. */
const COUNTS = [25_000, 25_000, 100_000]
/** With a batch of the flood, fewer than may be open. */
const UNANSWERED_MAX = 3000
/** Twice as much work as expected, for a busy machine. Quadratic work is sixteen times as much. */
const GROWTH_MAX = 8

/** So long that the buffers of this process and of the kernel do not take all messages of a flood. */
const LONG = Buffer.concat([Buffer.from([1]), bytesOf(1000)])

let harness: CallHarness
let peer: CallPeer
beforeAll(async () => {
  harness = await CallHarness.begin()
})
beforeEach(async () => {
  peer = await harness.attack()
})

interface Answers {
  ended: number
  /** Of the errors. */
  readonly codes: Set<string>
  /** Whether the client keeps to the limit of open calls. */
  readonly mayGoOn: (sent: number) => boolean
}

/** Reads the answers and counts those that end a call. */
function countAnswers(recordsPerCall = 1): Answers {
  const answers: Answers = {
    ended: 0,
    codes: new Set(),
    mayGoOn: (sent) => sent / recordsPerCall - answers.ended < UNANSWERED_MAX,
  }
  peer.onRecord = ({ kind, payload }) => {
    const flags = payload[0] as number
    if (kind !== ANSWER || (flags & AnswerFlag.END) === 0) return
    answers.ended += 1
    if ((flags & AnswerFlag.ERROR) !== 0) answers.codes.add(JSON.parse(payload.toString('utf8', 2)).code)
  }
  return answers
}

/** Floods while the honest client calls, and checks the memory before the peer closes. */
async function flood(
  records: Iterable<Buffer>,
  bytesMax: number,
  mayGoOn?: (sent: number) => boolean,
): Promise<number> {
  let sent = 0
  const waitMs = await harness.longestWaitMs(async () => {
    sent = await peer.flood(records, mayGoOn)
  })
  expect(waitMs).toBeLessThan(WAIT_MS_MAX)
  expect(await harness.growthBytes()).toBeLessThan(bytesMax)
  return sent
}

describe('a service with bounded memory serves the others while a client', () => {
  it('calls many unknown methods', async () => {
    const answers = countAnswers()
    const records = callsOf(FLOOD, (id) => callOf({ method: `service${id}/method${id}`, message: NUMBER }))
    expect(await flood(records, 16 * MIB, answers.mayGoOn)).toBe(FLOOD)
    await eventually(() => answers.ended === FLOOD)
    expect([...answers.codes]).toEqual(['ERR_SHMWIRE_NO_HANDLER'])
    await harness.expectUnharmed()
  })

  it('opens and cancels many calls', async () => {
    const answers = countAnswers(2)
    expect(await flood(cancelled('/hang', FLOOD), 16 * MIB, answers.mayGoOn)).toBe(2 * FLOOD)
    await eventually(() => answers.ended === FLOOD)
    expect([...answers.codes]).toEqual(['ERR_SHMWIRE_ABORTED'])
    expect(await harness.running()).toBe(0)
    await harness.expectUnharmed()
  })

  it('opens and cancels calls whose handlers never end', async () => {
    const answers = countAnswers(2)
    await flood(cancelled('/forever', FLOOD), 32 * MIB, answers.mayGoOn)
    await eventually(() => answers.ended === FLOOD)
    expect([...answers.codes]).toEqual(['ERR_SHMWIRE_ABORTED', 'ERR_SHMWIRE_BACKLOG'])
    await harness.expectUnharmed()
  })

  it('opens calls without end', async () => {
    const records = callsOf(FLOOD, () => callOf({ method: '/hang' }))
    await flood(records, 32 * MIB)
    expect(await harness.closed(peer)).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    expect(await harness.running()).toBe(0)
    await harness.expectUnharmed()
  })

  it('has as much metadata as is allowed in as many calls as are allowed', async () => {
    const values = Array.from({ length: METADATA_VALUES_MAX }, (_, index) =>
      metadataOf(`key-${index}-bin`, Buffer.alloc(100)),
    )
    const payload = callOf({ method: '/hang', metadata: Buffer.concat(values) })
    await flood(
      callsOf(CALLS_OPEN_MAX, () => payload),
      512 * MIB,
    )
    await expect.poll(() => harness.running(), { timeout: 60_000 }).toBe(CALLS_OPEN_MAX)
    await harness.expectUnharmed()
  })

  it('calls and reads no answers', async () => {
    peer.stopReading()
    const payload = callOf({ message: LONG })
    const sent = await flood(
      callsOf(FLOOD, () => payload),
      64 * MIB,
    )
    expect(sent).toBeLessThan(FLOOD)
    expect(await harness.closed(peer)).toMatchObject({
      code: 'ERR_SHMWIRE_CORRUPT',
      message: expect.stringContaining('more than 4096 open calls'),
    })
    await harness.expectUnharmed()
  })

  it('calls unknown methods and reads no answers', async () => {
    peer.stopReading()
    const sent = await flood(
      callsOf(FLOOD, () => callOf({ method: '/nothing', message: LONG })),
      64 * MIB,
    )
    expect(sent).toBeLessThan(FLOOD)
    expect(await harness.closed(peer)).toMatchObject({ code: 'ERR_SHMWIRE_CORRUPT' })
    await harness.expectUnharmed()
  })

  it('begins thousands of streams and reads none', async () => {
    peer.stopReading()
    const payload = callOf({ method: '/count', message: Buffer.from([1, 0xce, 0xff, 0xff, 0xff, 0xff]) })
    expect(
      await flood(
        callsOf(CALLS_OPEN_MAX, () => payload),
        64 * MIB,
      ),
    ).toBe(CALLS_OPEN_MAX)
    await harness.expectUnharmed()
  })

  it('sends messages without end and reads no credit', async () => {
    peer.stopReading()
    peer.send(CALL, 1, openCallOf('/sum'))
    const sent = await flood(
      framesOf(10 * FLOOD, () => [CALL_MORE, 1, MORE]),
      16 * MIB,
    )
    expect(sent).toBeLessThan(10 * FLOOD)
    expect(await harness.closed(peer)).toMatchObject({
      code: 'ERR_SHMWIRE_CORRUPT',
      message: expect.stringContaining('than its window'),
    })
    await harness.expectUnharmed()
  })

  it('continues, credits and cancels many calls that it never made', async () => {
    const kinds = [CALL_MORE, CALL_CREDIT, CALL_CANCEL] as const
    const payloads = { [CALL_MORE]: MORE, [CALL_CREDIT]: integersOf(1, 1), [CALL_CANCEL]: NOTHING }
    const records = framesOf(FLOOD, (index) => {
      const kind = kinds[index % kinds.length] as (typeof kinds)[number]
      return [kind, index, payloads[kind]]
    })
    expect(await flood(records, 16 * MIB)).toBe(FLOOD)
    await harness.expectUnharmed()
  })

  it('grants empty credit many times', async () => {
    peer.send(CALL, 1, callOf({ method: '/count', message: Buffer.from([1, 0xcd, 0xff, 0xff]) }))
    expect(
      await flood(
        framesOf(FLOOD, () => [CALL_CREDIT, 1, integersOf(0, 0)]),
        16 * MIB,
      ),
    ).toBe(FLOOD)
    await harness.expectUnharmed()
  })
})

describe('the work of a service grows with the bytes of a client that', () => {
  it.each<[string, number, (count: number) => Iterable<Buffer>]>([
    ['calls unknown methods', 1, (count) => callsOf(count, (id) => callOf({ method: `/method${id}` }))],
    ['opens and cancels calls', 2, (count) => cancelled('/hang', count)],
    ['opens and cancels calls whose handlers never end', 2, (count) => cancelled('/forever', count)],
  ])('%s', async (_what, recordsPerCall, records) => {
    const spent: number[] = []
    for (const count of COUNTS) {
      peer = await harness.attack()
      const answers = countAnswers(recordsPerCall)
      const begunMs = await harness.cpuMs()
      await peer.flood(records(count), answers.mayGoOn)
      await eventually(() => answers.ended === count)
      spent.push((await harness.cpuMs()) - begunMs)
      peer.close()
    }
    const [, few, many] = spent as [number, number, number]
    expect(many / few).toBeLessThan(GROWTH_MAX)
    await harness.expectUnharmed()
  })
})

/** Calls of a method, each with its cancellation. */
function cancelled(method: string, count: number): Iterable<Buffer> {
  const open = callOf({ method })
  return framesOf(2 * count, (index) =>
    index % 2 === 0 ? [CALL, index + 1, open] : [CALL_CANCEL, index, NOTHING],
  )
}

/** A message in msgpack: bytes of this length. */
function bytesOf(length: number): Buffer {
  const head = Buffer.alloc(5)
  head[0] = 0xc6
  head.writeUInt32BE(length, 1)
  return Buffer.concat([head, Buffer.alloc(length)])
}
