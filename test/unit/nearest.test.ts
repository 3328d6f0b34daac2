import { describe, expect, it } from 'vitest'
import { nearest } from '../../src/nearest.js'

const NAMES = ['ringBytes', 'maxMessageBytes', 'wait', 'views', 'backOff.minMs', 'backOff.maxMs']

describe('nearest', () => {
  it.each([
    ['a missing letter', 'ringByte', 'ringBytes'],
    ['another case', 'RINGBYTES', 'ringBytes'],
    ['two letters too many', 'ringBytesss', 'ringBytes'],
    ['swapped letters', 'viwes', 'views'],
    ['another word nearby', 'backOff.minMS', 'backOff.minMs'],
  ])('finds a name with %s', (_what, text, name) => {
    expect(nearest(text, NAMES)).toBe(name)
  })

  it.each(['', 'ring', 'toString', 'x'.repeat(1_000_000)])(
    'finds nothing for a text unlike all names: %.20s',
    (text) => {
      expect(nearest(text, NAMES)).toBeUndefined()
    },
  )
})
