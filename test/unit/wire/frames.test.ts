import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import {
  checkFrameHeader,
  controlBound,
  encodeControlFrame,
  encodeFrame,
  FrameKind,
  recordBound,
} from '../../../src/wire/frames.js'

describe('encodeFrame', () => {
  it('writes length, kind, flags and id, little-endian, before the payload', () => {
    const frame = encodeFrame(0x0102, 0x03040506, Buffer.from('abc'))
    expect(frame.toString('hex')).toBe('03000000 0201 0000 06050403 616263'.replaceAll(' ', ''))
  })

  it('writes a control frame as UTF-8 JSON', () => {
    const frame = encodeControlFrame(FrameKind.SOCKET, { reason: 'ä' })
    expect(frame.subarray(12).toString('utf8')).toBe('{"reason":"ä"}')
    expect(frame.readUInt32LE(0)).toBe(15)
  })
})

describe('checkFrameHeader', () => {
  const fault = (kind: number, flags: number, bytes: number, bound: (kind: number) => number) => {
    try {
      checkFrameHeader(kind, flags, bytes, bound)
      return undefined
    } catch (error) {
      expect(error).toMatchObject({ code: ErrorCode.CORRUPT })
      return (error as Error).message
    }
  }

  it('allows records of 1 to 255 up to the bound on the socket link', () => {
    const bound = recordBound(100)
    expect(fault(1, 0, 100, bound)).toBeUndefined()
    expect(fault(255, 0, 0, bound)).toBeUndefined()
    expect(fault(0, 0, 0, bound)).toContain('kind 0')
    expect(fault(256, 0, 0, bound)).toContain('kind 256')
    expect(fault(1, 0, 101, bound)).toContain('101 bytes; at most 100')
  })

  it('allows the kinds of the step up to 64 KiB in the handshake', () => {
    const bound = controlBound([FrameKind.OFFER, FrameKind.REJECT])
    expect(fault(FrameKind.OFFER, 0, 65_536, bound)).toBeUndefined()
    expect(fault(FrameKind.OFFER, 0, 65_537, bound)).toContain('at most 65536')
    expect(fault(FrameKind.HELLO, 0, 2, bound)).toContain('kind 256')
  })

  it('allows no flags', () => {
    expect(fault(1, 1, 0, recordBound(1))).toContain('flags 1')
  })
})
