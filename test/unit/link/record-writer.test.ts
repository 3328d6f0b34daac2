import { beforeEach, describe, expect, it } from 'vitest'
import { newLinkStats } from '../../../src/link/link.js'
import type { LinkContext } from '../../../src/link/shm/context.js'
import { RecordWriter } from '../../../src/link/shm/record-writer.js'

const binding = {
  RECORD_KIND: 0,
  RECORD_ID: 1,
  RECORD_HEADER_BYTES: 16,
  RESULT_WRITTEN: 0,
  inlineBytesMax: () => 100,
}
const RING_BYTES = 400

let endpoint: {
  record: Uint32Array
  results: Float64Array
  written: { kind: number; id: number; bytes: string }[]
  roomBytes: number
  memory: ArrayBuffer | undefined
  failure: Error | undefined
  write(payload: Uint8Array, offset?: number): void
  writeRecords(records: Uint8Array, length: number): void
  hasRoom(bytes: number): boolean
  claim(bytes: number): number
  depthBytes(): number
  inlineBytesMax(): number
  ownMemory(): ArrayBuffer | undefined
}
let failures: unknown[]
let fulls: number
let drains: number
let context: LinkContext
let writer: RecordWriter
const stats = newLinkStats()
const sink = { record: () => true, drain: () => (drains += 1), close: () => {} }

beforeEach(() => {
  endpoint = {
    record: new Uint32Array(2),
    results: new Float64Array(1),
    written: [],
    roomBytes: RING_BYTES,
    memory: new ArrayBuffer(RING_BYTES),
    failure: undefined,
    write(payload, offset = 0) {
      if (this.failure !== undefined) throw this.failure
      const end = Math.min(payload.length, offset + this.roomBytes)
      this.results[0] = end > offset ? end : -1
      if (end <= offset) return
      const [kind, id] = this.record as unknown as [number, number]
      this.written.push({ kind, id, bytes: Buffer.from(payload.subarray(offset, end)).toString() })
    },
    writeRecords(records, length) {
      if (this.failure !== undefined) throw this.failure
      let taken = 0
      while (taken < length) {
        const [bytes, kind, id] = new Uint32Array(records.buffer, records.byteOffset + taken, 3)
        const start = taken + 16
        const span = (16 + (bytes as number) + 15) & ~15
        if (span > this.roomBytes) break
        this.roomBytes -= span
        const text = Buffer.from(records.subarray(start, start + (bytes as number))).toString()
        this.written.push({ kind: kind as number, id: id as number, bytes: text })
        taken += span
      }
      this.results[0] = taken
    },
    hasRoom(bytes) {
      return this.roomBytes >= bytes
    },
    claim(bytes) {
      return this.roomBytes >= bytes ? 8 : -1
    },
    depthBytes: () => 50,
    inlineBytesMax: () => 100,
    ownMemory() {
      return this.memory
    },
  }
  failures = []
  fulls = 0
  drains = 0
  Object.assign(stats, newLinkStats())
  context = {
    binding,
    endpoint,
    ringBytes: RING_BYTES,
    stats,
    onError: (error: unknown) => failures.push(error),
  } as unknown as LinkContext
  writer = new RecordWriter(context, () => {
    fulls += 1
  })
})

describe('the record writer', () => {
  it('writes a record with its kind and id, from the offset on', () => {
    expect(writer.write(1, 7, Buffer.from('text'), 0)).toBe(4)
    expect(writer.write(2, 8, Buffer.from('text'), 2)).toBe(4)
    expect(endpoint.written).toEqual([
      { kind: 1, id: 7, bytes: 'text' },
      { kind: 2, id: 8, bytes: 'xt' },
    ])
    expect(writer.wantsRoom).toBe(false)
  })

  it('reports room once a quarter of the ring is free, after a record did not fit', () => {
    endpoint.roomBytes = 0
    expect(writer.write(1, 0, Buffer.from('text'), 0)).toBe(-1)
    expect([writer.wantsRoom, fulls, stats.depthBytes]).toEqual([true, 1, 50])
    endpoint.roomBytes = RING_BYTES / 4 - 1
    expect([writer.drain(sink), drains]).toEqual([false, 0])
    endpoint.roomBytes = RING_BYTES / 4
    expect([writer.drain(sink), drains, writer.wantsRoom]).toEqual([true, 1, false])
    expect([writer.drain(sink), drains]).toEqual([false, 1])
  })

  it('returns a claim in the ring, or undefined without room', () => {
    expect(writer.claimBytesMax).toBe(100)
    const claim = writer.claim(16)
    expect([claim?.buffer, claim?.byteOffset, claim?.length]).toEqual([endpoint.memory, 8, 16])
    endpoint.roomBytes = 0
    expect([writer.claim(16), writer.wantsRoom]).toEqual([undefined, true])
  })

  it('accepts longer claims when the ring has grown, which takes a record without room', () => {
    let grownMax = 50
    let questions = 0
    endpoint.inlineBytesMax = () => {
      questions += 1
      return grownMax
    }
    writer = new RecordWriter(context, () => {})
    expect([writer.claimBytesMax, writer.claimBytesMax, questions]).toEqual([50, 50, 1])
    endpoint.roomBytes = 0
    writer.write(1, 0, Buffer.from('text'), 0)
    expect(writer.claimBytesMax).toBe(50)
    grownMax = 100
    expect([writer.claimBytesMax, questions]).toEqual([100, 3])
    expect([writer.claimBytesMax, questions]).toEqual([100, 3])
  })

  it('reports a failure of the addon, and no room, when it checks for room', () => {
    endpoint.roomBytes = 0
    writer.write(1, 0, Buffer.from('text'), 0)
    endpoint.hasRoom = () => {
      throw new Error('corrupt')
    }
    expect([writer.hasRoom(), writer.drain(sink), drains]).toEqual([false, false, 0])
    expect(failures).toHaveLength(2)
  })

  it('accepts no claim when the runtime forbids buffers over foreign memory', () => {
    endpoint.memory = undefined
    expect(writer.claimBytesMax).toBe(-1)
  })

  it('collects short records, and writes them before the next one, or when they fill 8 KiB', () => {
    endpoint.roomBytes = Number.POSITIVE_INFINITY
    expect(writer.stage(1, 7, Buffer.from('a'))).toBe(1)
    expect(writer.stage(2, 8, Buffer.from('bc'))).toBe(2)
    expect(endpoint.written).toEqual([])
    expect(writer.write(3, 9, Buffer.from('d'), 0)).toBe(1)
    expect(endpoint.written).toEqual([
      { kind: 1, id: 7, bytes: 'a' },
      { kind: 2, id: 8, bytes: 'bc' },
      { kind: 3, id: 9, bytes: 'd' },
    ])
    const perFlush = 8_192 / 32
    for (let index = 0; index <= perFlush; index += 1) writer.stage(1, index, Buffer.from('e'))
    expect(endpoint.written).toHaveLength(3 + perFlush)
    expect([writer.flush(), writer.flush(), endpoint.written.length]).toEqual([true, true, 4 + perFlush])
  })

  it('writes a long record at once, after the collected ones', () => {
    endpoint.roomBytes = Number.POSITIVE_INFINITY
    writer.stage(1, 1, Buffer.alloc(512, 'a'))
    expect(endpoint.written).toEqual([])
    expect(writer.stage(1, 2, Buffer.alloc(513, 'b'))).toBe(513)
    expect(endpoint.written.map(({ id }) => id)).toEqual([1, 2])
  })

  it('keeps the collected records that find no room, before all others, and reports room after them', () => {
    for (let id = 0; id < 3; id += 1) writer.stage(1, id, Buffer.from('a'))
    endpoint.roomBytes = 32
    expect([writer.flush(), writer.wantsRoom, fulls]).toEqual([false, true, 1])
    expect(writer.write(1, 3, Buffer.from('b'), 0)).toBe(-1)
    expect(writer.claim(16)).toBeUndefined()
    expect(endpoint.written.map(({ id }) => id)).toEqual([0])
    endpoint.roomBytes = RING_BYTES
    expect([writer.drain(sink), drains, writer.wantsRoom]).toEqual([true, 1, false])
    expect(endpoint.written.map(({ id }) => id)).toEqual([0, 1, 2])
  })

  it('refuses a record when 8 KiB are collected and there is no room', () => {
    endpoint.roomBytes = 0
    let count = 0
    while (writer.stage(1, count, Buffer.from('a')) > 0) count += 1
    expect([count, writer.wantsRoom]).toEqual([8_192 / 32, true])
  })

  it('throws errors of the addon', () => {
    endpoint.failure = new Error('corrupt')
    expect(writer.write(1, 0, Buffer.from('text'), 0)).toBe(-1)
    writer.stage(1, 0, Buffer.from('text'))
    expect(writer.flush()).toBe(false)
    expect(failures).toEqual([endpoint.failure, endpoint.failure])
  })
})
