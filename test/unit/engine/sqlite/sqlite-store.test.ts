import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SqliteStore } from '../../../../src/engine/sqlite/sqlite-store.js'
import { ErrorCode } from '../../../../src/errors.js'
import { nextTurn } from '../../../../src/host.js'
import type { JobChange, StoredQueue } from '../../../../src/messaging/queue/job-store.js'
import { ensureBuilt } from '../../../support/build.js'
import { add, contentsOf, newRecord, sequencesIn } from '../../../support/stored-jobs.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

let path = ''
beforeEach(() => {
  path = join(temporaryDirectory(), 'jobs.sqlite')
})

/** The contents of a new store after these writes of an earlier one. */
async function afterWrites(...writes: readonly (readonly JobChange[])[]): Promise<StoredQueue> {
  const store = new SqliteStore(path, { thread: false })
  await store.load()
  await Promise.all(writes.map((changes) => store.write(changes)))
  await store.close()
  return contentsOf(new SqliteStore(path, { thread: false }))
}

describe.each([true, false])('a store with a thread: %s', (thread) => {
  it('is empty at first', async () => {
    const contents = await contentsOf(new SqliteStore(path, { thread }))
    expect(contents).toEqual({ jobs: [], seen: [], nextSequence: 1 })
  })

  it('keeps the jobs of an earlier one', async () => {
    const first = new SqliteStore(path, { thread })
    await first.load()
    await first.write([add(1), add(2)])
    await first.close()
    const { jobs } = await contentsOf(new SqliteStore(path, { thread }))
    expect(jobs).toEqual(
      [1, 2].map((sequence) => ({
        ...newRecord(sequence),
        attempt: 0,
        dueAtMs: 0,
        deadReason: undefined,
        deadAtMs: 0,
      })),
    )
  })

  it('commits what arrives during a transaction in the next one', async () => {
    const store = new SqliteStore(path, { thread })
    await store.load()
    await store.write([add(1)])
    const first = store.write([add(2)])
    await nextTurn()
    const others = Array.from({ length: 100 }, (_, index) => store.write([add(index + 3)]))
    const before = store.commits
    await Promise.all([first, ...others])
    expect(before).toBeLessThanOrEqual(2)
    expect(store.commits).toBeLessThanOrEqual(3)
    await store.close()
    expect(await sequencesIn(new SqliteStore(path, { thread }))).toHaveLength(102)
  })

  it('commits the changes of one turn of the event loop together', async () => {
    const store = new SqliteStore(path, { thread })
    await store.load()
    await Promise.all(Array.from({ length: 500 }, (_, index) => store.write([add(index + 1)])))
    expect(store.commits).toBe(1)
    await store.close()
  })

  it('resolves in the order of the calls', async () => {
    const store = new SqliteStore(path, { thread })
    await store.load()
    const order: number[] = []
    const body = new Uint8Array(3 * 1024 * 1024)
    // Each three are one transaction.
    await Promise.all(
      Array.from({ length: 9 }, (_, index) =>
        store.write([add(index + 1, { body })]).then(() => order.push(index)),
      ),
    )
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(store.commits).toBe(3)
    await store.close()
  })

  it('commits everything before it closes, and refuses changes from then on', async () => {
    const store = new SqliteStore(path, { thread })
    await store.load()
    const written = store.write([add(1)])
    const closed = store.close()
    await expect(store.write([add(2)])).rejects.toMatchObject({ code: ErrorCode.CLOSED, executed: 'no' })
    await Promise.all([written, closed, store.close()])
    expect(await sequencesIn(new SqliteStore(path, { thread }))).toEqual([1])
  })

  it('closes during the load, and refuses changes without it', async () => {
    const store = new SqliteStore(path, { thread })
    const loaded = store.load()
    await store.close()
    expect(await loaded).toMatchObject({ jobs: [] })
    const other = new SqliteStore(path, { thread })
    await expect(other.write([add(1)])).rejects.toMatchObject({ code: ErrorCode.INVALID_STATE })
    await other.close()
  })

  it('rejects everything after a transaction that failed', async () => {
    const store = new SqliteStore(path, { thread })
    await store.load()
    await store.write([add(1)])
    const failing = expect(store.write([add(1)])).rejects.toMatchObject({
      code: ErrorCode.CORRUPT,
      executed: 'unknown',
    })
    await nextTurn()
    const later = expect(store.write([add(2)])).rejects.toMatchObject({
      code: ErrorCode.CORRUPT,
      executed: 'no',
    })
    await failing
    await later
    await expect(store.write([])).rejects.toMatchObject({ code: ErrorCode.CORRUPT, executed: 'no' })
    await store.close()
    expect(await sequencesIn(new SqliteStore(path, { thread }))).toEqual([1])
  })

  it('refuses a file that another store has open, also of this process', async () => {
    const first = new SqliteStore(path, { thread })
    await first.load()
    const error: unknown = await new SqliteStore(path, { thread }).load().catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: ErrorCode.NAME_IN_USE, message: expect.stringContaining(path) })
    await first.write([add(1)])
    await first.close()
    expect(await sequencesIn(new SqliteStore(path, { thread }))).toEqual([1])
  })
})

describe('the changes of a store', () => {
  it('keep every field of a job', async () => {
    const fields = {
      id: 'with \0 and é',
      key: 'user.created',
      headers: Uint8Array.of(1, 2, 3),
      body: Uint8Array.from({ length: 20_000 }, (_, index) => index & 255),
      attempts: 1000,
      backOffMinMs: 0.5,
      backOffMaxMs: 86_400_000,
      timeLimitMs: 86_400_000,
    }
    const { jobs } = await afterWrites([add(7, fields, 1_700_000_000_000.5)])
    expect(jobs).toEqual([
      {
        ...newRecord(7, fields),
        attempt: 0,
        dueAtMs: 1_700_000_000_001,
        deadReason: undefined,
        deadAtMs: 0,
      },
    ])
  })

  it('keep an empty key, an empty body and an empty reason', async () => {
    const fields = { key: '', body: new Uint8Array(0) }
    const dead: JobChange = { type: 'dead', sequence: 1, reason: '', deadAtMs: 9 }
    const { jobs } = await afterWrites([add(1, fields), dead])
    expect(jobs).toMatchObject([{ ...fields, deadReason: '', deadAtMs: 9 }])
  })

  it('keep the attempts of a job that waits for its time', async () => {
    const { jobs } = await afterWrites(
      [add(1), { type: 'attempt', sequence: 1, attempt: 1 }],
      [{ type: 'delay', sequence: 1, dueAtMs: 500 }],
    )
    expect(jobs).toMatchObject([{ attempt: 1, dueAtMs: 500, deadReason: undefined }])
  })

  it('clear the time of a job with its next attempt', async () => {
    const { jobs } = await afterWrites(
      [add(1), { type: 'attempt', sequence: 1, attempt: 1 }],
      [{ type: 'delay', sequence: 1, dueAtMs: 500 }],
      [{ type: 'attempt', sequence: 1, attempt: 2 }],
    )
    expect(jobs).toMatchObject([{ attempt: 2, dueAtMs: 0, deadReason: undefined }])
  })

  it('remove a job with its state', async () => {
    const delay: JobChange = { type: 'delay', sequence: 1, dueAtMs: 500 }
    const { jobs, nextSequence } = await afterWrites([add(1), delay, { type: 'remove', sequence: 1 }])
    expect(jobs).toEqual([])
    expect(nextSequence).toBeGreaterThan(1)
  })

  it('make a job dead and alive again', async () => {
    const attempt: JobChange = { type: 'attempt', sequence: 1, attempt: 5 }
    const dead: JobChange = { type: 'dead', sequence: 1, reason: 'it failed é', deadAtMs: 1000 }
    const first = await afterWrites([add(1), attempt, dead])
    expect(first.jobs).toMatchObject([{ attempt: 5, deadReason: 'it failed é', deadAtMs: 1000 }])
    const second = await afterWrites([{ type: 'revive', sequence: 1 }])
    expect(second.jobs).toMatchObject([{ attempt: 0, dueAtMs: 0, deadReason: undefined, deadAtMs: 0 }])
  })

  it('have no effect on a job that is not there', async () => {
    const { jobs } = await afterWrites(
      [
        { type: 'attempt', sequence: 1, attempt: 3 },
        { type: 'delay', sequence: 1, dueAtMs: 5 },
        { type: 'dead', sequence: 1, reason: 'none', deadAtMs: 7 },
        { type: 'revive', sequence: 1 },
        { type: 'remove', sequence: 1 },
      ],
      [add(1)],
    )
    expect(jobs).toMatchObject([{ attempt: 0, dueAtMs: 0, deadReason: undefined }])
  })

  it('are in the order of the sequence, with more jobs than one page of the load', async () => {
    const sequences = Array.from({ length: 2500 }, (_, index) => index + 1)
    const { jobs } = await afterWrites(sequences.toReversed().map((sequence) => add(sequence)))
    expect(jobs.map(({ sequence }) => sequence)).toEqual(sequences)
    expect(jobs.every(({ id, sequence }) => id === `job ${sequence}`)).toBe(true)
  })

  it('know ids until the latest time of each', async () => {
    const { seen } = await afterWrites(
      [
        { type: 'seen', id: 'one', untilMs: 100 },
        { type: 'seen', id: 'two', untilMs: 150 },
      ],
      [
        { type: 'seen', id: 'one', untilMs: 200 },
        { type: 'seen', id: 'one', untilMs: 200 },
      ],
    )
    expect(seen).toEqual([
      { id: 'two', untilMs: 150 },
      { id: 'one', untilMs: 200 },
    ])
  })

  it('forget ids up to a time', async () => {
    const ids = Array.from({ length: 6000 }, (_, index): JobChange => {
      return { type: 'seen', id: `id ${index % 7} ${index}`, untilMs: 1000 + (index >> 2) }
    })
    const { seen } = await afterWrites(ids, [{ type: 'forget', untilMs: 1499 }])
    expect(new Set(seen.map(({ id }) => id)).size).toBe(4000)
    expect(seen[0]?.untilMs).toBe(1500)
  })

  it('never use a sequence again', async () => {
    const first = await afterWrites([add(5000), { type: 'remove', sequence: 5000 }])
    const { nextSequence } = await afterWrites([add(first.nextSequence)])
    expect(first.nextSequence).toBeGreaterThan(5000)
    expect(nextSequence).toBeGreaterThan(first.nextSequence)
  })
})

describe('the files of a store', () => {
  it.skipIf(process.platform === 'win32')('can be read by their user only', async () => {
    const store = new SqliteStore(path)
    await store.load()
    await store.write([add(1)])
    for (const file of [path, `${path}-wal`]) expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(existsSync(`${path}-shm`)).toBe(false)
    await store.close()
    expect(existsSync(`${path}-wal`)).toBe(false)
  })

  it('are bounded while jobs come and go', async () => {
    const store = new SqliteStore(path, { thread: false })
    await store.load()
    const body = new Uint8Array(1000)
    let sequence = 0
    const sizes: number[] = []
    for (let round = 0; round < 15; round += 1) {
      const from = sequence + 1
      sequence += 1000
      await store.write(Array.from({ length: 1000 }, (_, index) => add(from + index, { body })))
      await store.write(
        Array.from({ length: 1000 }, (_, index): JobChange => ({ type: 'remove', sequence: from + index })),
      )
      sizes.push(statSync(path).size + statSync(`${path}-wal`).size)
    }
    // All the jobs together have 15 MiB, and the log is copied at 16 MiB.
    expect(Math.max(...sizes)).toBeLessThan(22 * 1024 * 1024)
    await store.close()
  })

  it('become small again after a time with many jobs', async () => {
    const store = new SqliteStore(path, { thread: false })
    await store.load()
    const body = new Uint8Array(32 * 1024)
    const jobs = Array.from({ length: 1000 }, (_, index) => add(index + 1, { body }))
    await store.write(jobs)
    await store.write(jobs.map((_, index): JobChange => ({ type: 'remove', sequence: index + 1 })))
    await store.close()
    const large = statSync(path).size
    const again = new SqliteStore(path, { thread: false })
    await again.load()
    for (let round = 0; round < 640; round += 1) await again.write([{ type: 'remove', sequence: 1 }])
    await again.close()
    expect(large).toBeGreaterThan(30 * 1024 * 1024)
    expect(statSync(path).size).toBeLessThan(8 * 1024 * 1024)
  })

  it('commit nothing of a write that cannot be encoded, and accept no other', async () => {
    const store = new SqliteStore(path, { thread: false })
    await store.load()
    const body = {
      get length(): number {
        throw new RangeError('too long')
      },
    } as unknown as Uint8Array
    const bad: JobChange = { type: 'add', job: { ...newRecord(2), body }, dueAtMs: 0 }
    const refusal = { code: 'ERR_SHMWIRE_OUT_OF_MEMORY', executed: 'no' }
    const results = await Promise.allSettled([store.write([add(1), bad]), store.write([add(3)])])
    for (const result of results) expect(result).toMatchObject({ reason: refusal })
    await store.close()
    expect(store.commits).toBe(0)
  })
})
