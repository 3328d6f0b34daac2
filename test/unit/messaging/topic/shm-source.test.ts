import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ErrorCode, ShmwireError } from '../../../../src/errors.js'
import type { NativeReader } from '../../../../src/messaging/topic/native-ring.js'
import { DESCRIPTOR_WORDS } from '../../../../src/messaging/topic/ring.js'
import { ShmSource } from '../../../../src/messaging/topic/shm-source.js'
import type { NativeBinding } from '../../../../src/native/binding.js'
import { eventually, turns } from '../../../support/turns.js'

class NoDoorbell {
  close(): void {}
}

const binding = { DoorbellWatch: NoDoorbell } as unknown as NativeBinding
const corrupt = new ShmwireError(ErrorCode.CORRUPT, 'of the test')

describe('ShmSource', () => {
  let calls: Record<'receive' | 'arm' | 'disarm' | 'stop', number>
  let ready: number
  let endings: (Error | undefined)[]
  let onReady: () => void
  let source: ShmSource
  let reader: { -readonly [Name in keyof NativeReader]?: NativeReader[Name] }
  let receive: (target: Uint8Array) => number
  let arm: () => boolean

  beforeEach(() => {
    calls = { receive: 0, arm: 0, disarm: 0, stop: 0 }
    ready = 0
    endings = []
    onReady = () => {}
    receive = () => 0
    arm = () => false
    const native: Partial<NativeReader['native']> = {
      transferDoorbell: () => 1,
      arm: () => {
        calls.arm += 1
        return arm()
      },
      disarm: () => {
        calls.disarm += 1
      },
      stop: () => {
        calls.stop += 1
      },
    }
    reader = {
      native,
      descriptors: new Uint32Array(16 * DESCRIPTOR_WORDS),
      firstSequence: 1,
      lost: 0,
      requiredBytes: -1,
      closed: false,
      writerWaits: false,
      preempted: false,
      receive: (target: Uint8Array) => {
        calls.receive += 1
        return receive(target)
      },
      close: () => {},
    } as never
    source = new ShmSource({
      binding,
      reader: reader as NativeReader,
      wait: 'sleep',
      spinMicros: 0,
      onRoom: () => {},
      onReady: () => {
        ready += 1
        onReady()
      },
      onEnding: (error) => endings.push(error),
    })
  })

  afterEach(() => {
    vi.restoreAllMocks()
    source.close()
  })

  function describeMessages(...messages: readonly (readonly [offset: number, bytes: number])[]): number {
    messages.forEach(([offset, bytes], index) => {
      reader.descriptors?.set([offset, 0, 0, bytes], index * DESCRIPTOR_WORDS)
    })
    return messages.length
  }

  it('reports a violation that it finds when it goes to sleep', async () => {
    arm = () => {
      throw corrupt
    }
    source.request()
    await eventually(() => ready > 0)
    expect(source.read()).toBe(false)
    expect(source.end?.error).toMatchObject({ code: ErrorCode.CORRUPT })
  })

  it('serves a consumer that still waits after the end', async () => {
    source.finish(undefined)
    expect(endings).toEqual([undefined])
    onReady = () => {
      if (ready === 3) source.release()
    }
    source.request()
    await eventually(() => ready === 3)
    await turns(5)
    expect(ready).toBe(3)
  })

  it('stops the reader at the end, and reads the rest', () => {
    source.finish(corrupt)
    expect(calls.stop).toBe(1)
    receive = () => describeMessages([0, 1])
    expect(source.read()).toBe(true)
    expect(source.end).toEqual({ error: corrupt })
  })

  it('neither polls nor arms while the memory is closed and the stream is open', async () => {
    reader.closed = true
    source.request()
    await eventually(() => calls.receive > 0)
    await turns(5)
    const { receive: before } = calls
    await turns(20)
    expect(calls.receive).toBe(before)
    expect(calls.arm).toBe(0)
    source.finish(corrupt)
    await eventually(() => ready > 0)
    expect(source.end).toEqual({ error: corrupt })
  })

  it('keeps messages that an empty one follows', () => {
    const targets: number[] = []
    receive = (target) => {
      targets.push(target.byteOffset)
      return describeMessages([0, 13], [16, 0])
    }
    expect(source.read()).toBe(true)
    source.cursor.clear()
    expect(source.read()).toBe(true)
    expect(targets).toEqual([0, 16])
  })

  it('keeps the memory for a long message while the writer overtakes it', () => {
    const allocate = vi.spyOn(Buffer, 'allocUnsafeSlow')
    const long: ArrayBufferLike[] = []
    receive = (target) => {
      if (target.length < 1_000_000) {
        reader.requiredBytes = 1_000_000
        return 0
      }
      long.push(target.buffer)
      return long.length < 4 ? 0 : describeMessages([0, 1_000_000])
    }
    while (!source.read()) expect(long.length).toBeLessThan(4)
    expect(allocate.mock.calls.filter(([bytes]) => bytes === 1_000_000)).toHaveLength(1)
    source.cursor.clear()
    expect(source.read()).toBe(true)
    expect(long[4]).not.toBe(long[3])
  })

  it('ends with OUT_OF_MEMORY when there is no memory for a batch', async () => {
    vi.spyOn(Buffer, 'allocUnsafeSlow').mockImplementation(() => {
      throw new RangeError('of the test')
    })
    source.request()
    await eventually(() => ready > 0)
    expect(source.end?.error).toMatchObject({ code: ErrorCode.OUT_OF_MEMORY })
  })
})
