import { expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { BatchReader } from '../../../src/link/shm/batch-reader.js'
import type { NativeBinding, NativeEndpoint } from '../../../src/native/binding.js'

const binding = {
  DESCRIPTOR_WORDS: 4,
  SIGNAL_REQUIRED: 0,
  SIGNAL_FRAGMENTED: 1,
  SIGNAL_OFFSET: 2,
  SIGNAL_CORE_LOST: 3,
} as NativeBinding

it('a record that is longer at each look is CORRUPT at the second one', () => {
  const signals = new Float64Array(4)
  let looks = 0
  const receive = (): number => {
    looks += 1
    signals[binding.SIGNAL_REQUIRED] = 10_000 + looks
    return 0
  }
  const endpoint = { signals, descriptors: new Uint32Array(4), receive } as unknown as NativeEndpoint
  const failures: unknown[] = []
  const host = {
    takes: true,
    closed: false,
    give: () => {},
    batchEnd: () => {},
    coreLost: () => {},
    fail: (error: unknown) => failures.push(error),
  }
  expect(new BatchReader(binding, endpoint, host, false).read(0, false)).toBe(0)
  expect(failures).toMatchObject([{ code: ErrorCode.CORRUPT }])
  expect(looks).toBe(2)
})
