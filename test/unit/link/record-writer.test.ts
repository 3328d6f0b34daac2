import { beforeEach, describe, expect, it } from 'vitest'
import { newLinkStats } from '../../../src/link/link.js'
import type { LinkContext } from '../../../src/link/shm/context.js'
import { RecordWriter } from '../../../src/link/shm/record-writer.js'

const binding = { RECORD_KIND: 0, RECORD_ID: 1, RESULT_WRITTEN: 0, inlineBytesMax: () => 100 }
const RING_BYTES = 400

let endpoint: {
  record: Uint32Array
  results: Float64Array
  written: { kind: number; id: number; bytes: string }[]
  roomBytes: number
  memory: ArrayBuffer | undefined
  failure: Error | undefined
  write(payload: Uint8Array, offset?: number): void
  hasRoom(bytes: number): boolean
  claim(bytes: number): number
  depthBytes(): number
  ownMemory(): ArrayBuffer | undefined
}
let failures: unknown[]
let fulls: number
let drains: number
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
    hasRoom(bytes) {
      return this.roomBytes >= bytes
    },
    claim(bytes) {
      return this.roomBytes >= bytes ? 8 : -1
    },
    depthBytes: () => 50,
    ownMemory() {
      return this.memory
    },
  }
  failures = []
  fulls = 0
  drains = 0
  const context = {
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

  it('accepts no claim when the runtime forbids buffers over foreign memory', () => {
    endpoint.memory = undefined
    expect(writer.claimBytesMax).toBe(-1)
  })

  it('throws errors of the addon', () => {
    endpoint.failure = new Error('corrupt')
    expect(writer.write(1, 0, Buffer.from('text'), 0)).toBe(-1)
    expect(failures).toEqual([endpoint.failure])
  })
})
