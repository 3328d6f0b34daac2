import { afterEach, beforeEach, expect, test } from 'vitest'
import { withoutFrames } from '../../../src/codec/error-frames.js'
import { msgpackCodec } from '../../../src/codec/msgpack.js'

const ORIGINAL = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor
let paid: number[] = []

beforeEach(() => {
  paid = []
})
afterEach(() => {
  Object.defineProperty(Error, 'stackTraceLimit', ORIGINAL)
})

function make(): Error {
  return withoutFrames(
    () => new TypeError(),
    (frames) => paid.push(frames),
  )
}

function framesOf(error: Error): number {
  return error.stack?.match(/^ {4}at /gm)?.length ?? 0
}

test('creates a decoded error without frames, and keeps the limit of the program', () => {
  Error.stackTraceLimit = 50
  expect(framesOf(new Error('x'))).toBeGreaterThan(3)
  expect(framesOf(make())).toBe(0)
  expect(paid).toEqual([0])
  expect(Error.stackTraceLimit).toBe(50)
})

test('keeps the limit when the class throws', () => {
  Error.stackTraceLimit = 50
  const fail = () => {
    throw new RangeError('x')
  }
  expect(() => withoutFrames(fail, () => {})).toThrow('x')
  expect(Error.stackTraceLimit).toBe(50)
})

test('does not call an accessor of the limit, and pays for no frames', () => {
  const get = () => {
    throw new Error('the accessor was called')
  }
  Object.defineProperty(Error, 'stackTraceLimit', { get, configurable: true })
  expect(make()).toBeInstanceOf(TypeError)
  expect(paid).toEqual([0])
})

test.each([
  [30, 30],
  [Number.POSITIVE_INFINITY, 100_000],
  [-5, 0],
  [Number.NaN, 0],
])('pays for a limit of %d that cannot be changed: %i frames', (value, frames) => {
  Object.defineProperty(Error, 'stackTraceLimit', { value, writable: false, configurable: true })
  expect(make()).toBeInstanceOf(TypeError)
  expect(paid).toEqual([frames])
})

test('keeps the stack of the peer in its error', () => {
  const error = new RangeError('x')
  const { stack } = error
  expect((msgpackCodec.decode(Buffer.from(msgpackCodec.encode(error))) as Error).stack).toBe(stack)
})
