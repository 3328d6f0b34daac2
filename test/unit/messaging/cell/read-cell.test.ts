import { describe, expect, it } from 'vitest'
import { readCell } from '../../../../src/messaging/cell/read-cell.js'
import type { NativeBinding } from '../../../../src/native/binding.js'
import type { NativeCellReader } from '../../../../src/native/messaging-binding.js'

const binding = { READER_RESULT_VERSION: 0 } as NativeBinding

/** A reader whose calls of `get` return these lengths and versions, one after the other; the last one for ever. */
function readerOf(...results: [length: number, version: number][]): NativeCellReader {
  let call = 0
  const words = new Float64Array(1)
  return {
    results: words,
    get(target: Uint8Array) {
      const [length, version] = results[Math.min(call, results.length - 1)] as [number, number]
      call += 1
      words[0] = version
      if (length >= 0 && length <= target.length) target.fill(version, 0, length)
      return length
    },
  } as unknown as NativeCellReader
}

describe('readCell', () => {
  it('reads a value that fits the hint', () => {
    expect(readCell(binding, readerOf([3, 5]), 3)).toEqual({ bytes: Buffer.of(5, 5, 5), version: 5 })
  })

  it('reads values that grow between the attempts', () => {
    const { bytes, version } = readCell(binding, readerOf([200, 1], [5_000, 2], [70_000, 3], [70_000, 3]), 0)
    expect(bytes).toHaveLength(70_000)
    expect(version).toBe(3)
  })

  it('tries again when the writer has overtaken the copy, and gives up after many attempts', () => {
    expect(readCell(binding, readerOf([-1, 0], [-1, 0], [1, 9]), 0).version).toBe(9)
    expect(() => readCell(binding, readerOf([-1, 0]), 0)).toThrow('call again later')
  })

  it('gives up after some time when each attempt takes long', () => {
    let calls = 0
    const reader = {
      results: new Float64Array(1),
      get() {
        calls += 1
        const end = performance.now() + 30
        while (performance.now() < end);
        return -1
      },
    } as unknown as NativeCellReader
    expect(() => readCell(binding, reader, 0)).toThrow('call again later')
    expect(calls).toBe(3)
  })

  it('refuses a memory without a value', () => {
    expect(() => readCell(binding, readerOf([0, 0]), 0)).toThrow('has no value')
  })
})
