import { expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'

function roundTrip(value: unknown): unknown {
  return msgpackCodec.decode(Buffer.from(msgpackCodec.encode(value)))
}

function fail(): never {
  throw new Error('the codec called a derived class')
}

class StrangeMap extends Map<unknown, unknown> {
  override [Symbol.iterator] = fail
  override forEach = fail
  override entries = fail
}
class StrangeSet extends Set<unknown> {
  override [Symbol.iterator] = fail
  override forEach = fail
  override values = fail
}
class StrangeDate extends Date {
  override getTime = fail
}
class StrangePattern extends RegExp {
  override get source(): string {
    return fail()
  }
  override get flags(): string {
    return fail()
  }
  override get global(): boolean {
    return fail()
  }
}
class StrangeMemory extends ArrayBuffer {
  override slice = fail
}

test.each<[string, unknown, unknown]>([
  ['Map', new StrangeMap().set(1, 2), new Map([[1, 2]])],
  ['Set', new StrangeSet().add(1), new Set([1])],
  ['Date', new StrangeDate(5), new Date(5)],
  ['RegExp', new StrangePattern('a/b', 'dgimsuy'), /a\/b/dgimsuy],
  ['ArrayBuffer', new StrangeMemory(3), new ArrayBuffer(3)],
])(
  'an instance of a class derived from %s arrives as an instance of the built-in class',
  (_name, value, expected) => {
    expect(roundTrip([value, new Map()])).toEqual([expected, new Map()])
  },
)
