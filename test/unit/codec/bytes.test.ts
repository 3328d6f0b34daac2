import { expect, test } from 'vitest'
import { bytesCodec } from '../../../src/codec/bytes.js'

const MEMORY = Uint8Array.of(9, 1, 2, 3, 4, 5, 6, 7, 8, 9).buffer

test.each<[string, ArrayBufferView | ArrayBuffer, number[]]>([
  ['a Buffer', Buffer.from([1, 2]), [1, 2]],
  ['a part of a Uint8Array', new Uint8Array(MEMORY, 1, 2), [1, 2]],
  ['a part of a Uint16Array', new Uint16Array(MEMORY, 2, 1), [2, 3]],
  ['a DataView', new DataView(MEMORY, 8), [8, 9]],
  ['an ArrayBuffer', MEMORY.slice(0, 3), [9, 1, 2]],
  ['no bytes', new Uint8Array(0), []],
  ['shared memory', new Uint8Array(new SharedArrayBuffer(2)), [0, 0]],
])('accepts %s and returns a Buffer', (_name, value, wanted) => {
  const memory = Buffer.from(bytesCodec.encode(value))
  const back = bytesCodec.decode(memory)
  expect(back).toBe(memory)
  expect([...memory]).toStrictEqual(wanted)
})

test.each<[string, unknown]>([
  ['a string', 'text'],
  ['undefined', undefined],
  ['null', null],
  ['an array', [1, 2]],
  ['an object', { length: 1 }],
  ['a SharedArrayBuffer', new SharedArrayBuffer(1)],
])('refuses %s', (_name, value) => {
  expect(() => bytesCodec.encode(value)).toThrow(TypeError)
})
