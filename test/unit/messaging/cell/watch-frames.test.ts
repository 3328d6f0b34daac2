import { describe, expect, it } from 'vitest'
import { readControl } from '../../../../src/messaging/attach/control-frame.js'
import {
  encodeTaken,
  encodeValue,
  encodeWatch,
  encodeWelcome,
  readTaken,
  readValue,
  readWatch,
  readWelcome,
} from '../../../../src/messaging/cell/watch-frames.js'

describe('the messages of a watch', () => {
  it('carries a watch and a welcome', () => {
    const hello = { version: 1, codec: 'json', obstacle: 'none' }
    expect(readWatch(readControl(encodeWatch(hello), 'x'))).toEqual(hello)
    const welcome = { epoch: 'e', codec: 'json' }
    expect(readWelcome(readControl(encodeWelcome(welcome), 'x'))).toEqual(welcome)
  })

  it('carries values of any length and the largest version', () => {
    for (const value of [Buffer.alloc(0), Buffer.from('x'), Buffer.alloc(100_000, 7)]) {
      const { bytes, version } = readValue(encodeValue(Number.MAX_SAFE_INTEGER, value), 0)
      expect(bytes.equals(value)).toBe(true)
      expect(version).toBe(Number.MAX_SAFE_INTEGER)
    }
  })

  it('refuses a value that is not newer', () => {
    expect(() => readValue(encodeValue(2, Buffer.alloc(1)), 2)).toThrow('version 2 after version 2')
  })

  it('accepts the acknowledgement of the version that was sent, and no other', () => {
    expect(readTaken(encodeTaken(3), 3)).toBe(3)
    expect(readTaken(encodeTaken(2), 3, 2)).toBe(2)
    expect(() => readTaken(encodeTaken(1), 3, 2)).toThrow('version 1 instead of 3')
    expect(() => readTaken(encodeTaken(2), 3)).toThrow('version 2 instead of 3')
    expect(() => readTaken(encodeValue(3, Buffer.alloc(0)), 3)).toThrow('the watcher sent')
  })
})
