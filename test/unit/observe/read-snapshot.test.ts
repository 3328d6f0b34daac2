import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { createCell, createQueue, createTopic, listen, serve, subscribe } from '../../../src/index.js'
import { encodeWithin, snapshotFrame } from '../../../src/observe/encode-snapshot.js'
import { stopMeasuring } from '../../../src/observe/event-loop.js'
import type { Snapshot } from '../../../src/observe/figures.js'
import { readSnapshot } from '../../../src/observe/read-snapshot.js'
import { snapshot } from '../../../src/observe/snapshot.js'
import { ownRuntimeDirectory } from '../../support/temporary-directory.js'

const open: AsyncDisposable[] = []
beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
  stopMeasuring()
})

/** One of each, in this process. */
async function everything(): Promise<void> {
  open.push(await serve('users', { getUser: () => 1 }, { name: 'UserService' }))
  const topic = await createTopic('ticks', { name: 'eur' })
  open.push(topic, await createCell('config', 1), await createQueue('jobs'))
  open.push(await subscribe('ticks', { name: 'eur' }))
  topic.tryPublish('one')
}

const read = (value: unknown): Snapshot => readSnapshot(Buffer.from(JSON.stringify(value)))

describe('a snapshot', () => {
  it('has the rows of what this thread has, and passes the check of its reader', async () => {
    await everything()
    const taken = snapshot()
    expect(read(taken)).toEqual(JSON.parse(JSON.stringify(taken)))
    expect(taken).toMatchObject({ version: 1, process: { pid: process.pid, threadId: 0 } })
    expect(taken.servers.map(({ address }) => address)).toEqual(['users', 'ticks', 'config', 'jobs'])
    expect(taken.services.map(({ service }) => service)).toContain('UserService')
    expect(taken.topics).toMatchObject([{ address: 'ticks', name: 'eur', sequence: 1, subscribers: 1 }])
    expect(taken.subscriptions).toMatchObject([
      { address: 'ticks', name: 'eur', epoch: taken.topics[0]?.epoch, lost: 0 },
    ])
    expect(taken.cells).toMatchObject([{ address: 'config', version: 1 }])
    expect(taken.queues).toMatchObject([{ address: 'jobs', waiting: 0 }])
    expect(taken.channels.map(({ role }) => role).toSorted()).toEqual(['client', 'server'])
  })

  it('has no row of what has closed', async () => {
    await everything()
    for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
    const { channels, servers, services, topics, subscriptions, cells, queues } = snapshot()
    expect([channels, servers, services, topics, subscriptions, cells, queues].flat()).toEqual([])
  })

  it('leaves out rows that do not fit, and counts them', async () => {
    const server = await listen('many')
    open.push(server)
    for (let index = 0; index < 100; index += 1)
      await serve(server, { call: () => 1 }, { name: `service${index}` })
    const bytesMax = 10_000
    const bytes = encodeWithin(bytesMax)
    expect(bytes.length).toBeLessThanOrEqual(bytesMax)
    const { services, omitted } = readSnapshot(bytes)
    expect(services.length).toBeGreaterThan(0)
    expect(services.length + (omitted['services'] ?? 0)).toBe(100)
  })

  it('is made once for all who ask at the same time', () => {
    expect(snapshotFrame()).toBe(snapshotFrame())
  })
})

describe('the reader of a snapshot', () => {
  it('makes texts printable, so that they cannot control a terminal', () => {
    const { process: figures, ...rest } = snapshot()
    const evil = { ...rest, process: { ...figures, title: '\u001b[2Jevil' } }
    expect(read(evil).process.title).toBe('\\u001b[2Jevil')
  })

  it('ignores members that it does not know', () => {
    const taken = snapshot()
    expect(read({ ...taken, later: 1 })).toEqual(JSON.parse(JSON.stringify(taken)))
  })

  it.each([
    ['another version', { version: 2 }, ErrorCode.VERSION],
    ['no version', { version: undefined }, ErrorCode.VERSION],
    ['a list that is not one', { servers: {} }, ErrorCode.CORRUPT],
    ['a row that is not one', { topics: [1] }, ErrorCode.CORRUPT],
    ['a negative number', { atMs: -1 }, ErrorCode.CORRUPT],
    ['a text for a number', { atMs: '1' }, ErrorCode.CORRUPT],
    ['a long text', { id: 'x'.repeat(513) }, ErrorCode.CORRUPT],
    ['no process', { process: undefined }, ErrorCode.CORRUPT],
    [
      'too many names',
      { omitted: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`${index}`, 1])) },
      ErrorCode.CORRUPT,
    ],
  ])('refuses %s', (_what, change, code) => {
    expect(() => read({ ...snapshot(), ...change })).toThrow(expect.objectContaining({ code }) as Error)
  })

  it('refuses any other bytes with a short error', () => {
    const bytes = fc.oneof(
      fc.json().map((text) => Buffer.from(text)),
      fc.json().map((text) => Buffer.from(`{"version":1,"id":${text}}`)),
      fc.uint8Array().map((array) => Buffer.from(array)),
    )
    fc.assert(
      fc.property(bytes, (payload) => {
        try {
          readSnapshot(payload)
          expect.unreachable()
        } catch (error) {
          expect([ErrorCode.CORRUPT, ErrorCode.VERSION]).toContain((error as { code: string }).code)
          expect((error as Error).message.length).toBeLessThan(1_000)
        }
      }),
    )
  })
})
