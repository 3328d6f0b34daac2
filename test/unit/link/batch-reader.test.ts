import { beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { BatchReader } from '../../../src/link/shm/batch-reader.js'
import type { NativeBinding, NativeEndpoint } from '../../../src/native/binding.js'
import { RecordKind } from '../../../src/wire/record-kind.js'

const binding = {
  DESCRIPTOR_WORDS: 4,
  RESULT_REQUIRED: 0,
  RESULT_FRAGMENTED: 1,
  RESULT_OFFSET: 2,
  RESULT_PREEMPTED: 3,
} as NativeBinding

const { MESSAGE, REQUEST, CODEC } = RecordKind

let results: Float64Array
let failures: unknown[]
/** The records of the next batch, by kind. Their ids count from 0. */
let kinds: number[]
let receive: (slab: Buffer) => number
let reader: BatchReader
let log: (string | number)[]
let onRecord: (id: number) => boolean
let onBatchEnd: () => void
/** The records that waited after each loss of the core. */
let losses: number[]

beforeEach(() => {
  failures = []
  kinds = []
  log = []
  losses = []
  onRecord = () => true
  onBatchEnd = () => {}
  results = new Float64Array(4)
  const descriptors = new Uint32Array(4 * 16)
  receive = () => {
    results[binding.RESULT_REQUIRED] = -1
    const count = kinds.length
    for (const [index, kind] of kinds.splice(0).entries()) descriptors.set([kind, index, 0, 0], 4 * index)
    return count
  }
  const endpoint = {
    results,
    descriptors,
    receive: (slab: Buffer) => receive(slab),
  } as unknown as NativeEndpoint
  const context = {
    binding,
    endpoint,
    budget: { preempted: (_nowMicros: number, records: number) => void losses.push(records) },
    onError: (error: unknown) => failures.push(error),
  }
  reader = new BatchReader(context as unknown as ConstructorParameters<typeof BatchReader>[0], false)
  reader.start({
    record: (_kind, id) => {
      log.push(id)
      return onRecord(id)
    },
    batchEnd: () => {
      log.push('end')
      onBatchEnd()
    },
    drain: () => {},
    close: () => {},
  })
})

it('fails with CORRUPT at a record that is longer at each poll', () => {
  let polls = 0
  receive = () => {
    polls += 1
    results[binding.RESULT_REQUIRED] = 10_000 + polls
    return 0
  }
  expect(reader.read(0, false)).toBe(0)
  expect(failures).toMatchObject([{ code: ErrorCode.CORRUPT }])
  expect(polls).toBe(2)
})

it('fails with CORRUPT at a record that is gone when there is memory for it', () => {
  let polls = 0
  receive = () => {
    polls += 1
    results[binding.RESULT_REQUIRED] = polls === 1 ? 10_000 : -1
    return 0
  }
  expect(reader.read(0, false)).toBe(0)
  expect(failures).toMatchObject([{ code: ErrorCode.CORRUPT }])
})

it('reports how many records waited when another thread has taken the core', () => {
  results[binding.RESULT_PREEMPTED] = 1
  kinds = [MESSAGE, MESSAGE, MESSAGE]
  expect([reader.read(0, true), reader.read(0, true)]).toEqual([3, 0])
  results[binding.RESULT_PREEMPTED] = 0
  kinds = [MESSAGE]
  reader.read(0, true)
  expect(losses).toEqual([3, 0])
})

describe('a batch of messages', () => {
  it('ends before a record of another kind, but not before a note', () => {
    kinds = [MESSAGE, CODEC, MESSAGE, REQUEST, REQUEST, MESSAGE]
    expect(reader.read(0, false)).toBe(6)
    expect(log).toEqual([0, 1, 2, 'end', 3, 4, 5, 'end'])
  })

  it('ends before a record that follows although the end throws', () => {
    kinds = [MESSAGE, REQUEST]
    onBatchEnd = () => {
      onBatchEnd = () => {}
      throw new Error('no')
    }
    expect(() => reader.read(0, false)).toThrow('no')
    expect([log, reader.pending]).toEqual([[0, 'end'], true])
    expect(reader.read(0, false)).toBe(1)
    expect(log).toEqual([0, 'end', 1, 'end'])
  })

  it('ends before a record that a listener reads inside the end', () => {
    kinds = [MESSAGE, REQUEST, MESSAGE]
    onBatchEnd = () => {
      onBatchEnd = () => {}
      reader.read(0, false)
    }
    reader.read(0, false)
    expect(log.filter((entry) => entry !== 'end')).toEqual([0, 1, 2])
  })

  it('stops when the sink pauses, and continues from there', () => {
    kinds = [MESSAGE, MESSAGE, MESSAGE]
    onRecord = (id) => id !== 1
    expect(reader.read(0, false)).toBe(2)
    expect([reader.paused, reader.pending]).toEqual([true, true])
    reader.paused = false
    expect(reader.read(0, false)).toBe(1)
    expect(log).toEqual([0, 1, 'end', 2, 'end'])
  })
})

it('takes large slabs without a pause only, because a sink that stops the link counts whole ones', () => {
  const [small, large] = [64 * 1024, 256 * 1024]
  const slabs: number[] = []
  const receiveOne = receive
  let isFull = true
  receive = (slab) => {
    isFull = !isFull
    if (isFull) slabs.push(slab.length)
    else results[binding.RESULT_REQUIRED] = 1000
    kinds = isFull ? [MESSAGE] : []
    return isFull ? receiveOne(slab) : 0
  }
  const read = (count: number) => {
    for (let index = 0; index < count; index += 1) reader.read(0, false)
  }
  read(2)
  onRecord = () => false
  read(1)
  onRecord = () => true
  reader.paused = false
  read(2)
  expect(slabs).toEqual([small, large, large, small, small])
  reader.forget()
  read(2)
  expect(slabs.slice(5)).toEqual([small, large])
})
