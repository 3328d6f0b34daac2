import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { decodedBytesDefault } from '../../src/codec/decode-budget.js'
import { ErrorCode, ShmwireError } from '../../src/errors.js'
import { checkWaitOptions, invalid, resolveOptions } from '../../src/options.js'

function faultOf(options: unknown): string {
  try {
    resolveOptions(options as object)
  } catch (error) {
    expect(error).toBeInstanceOf(ShmwireError)
    expect((error as ShmwireError).code).toBe(ErrorCode.INVALID_ARGUMENT)
    return (error as ShmwireError).message
  }
  throw new Error('the options were accepted')
}

const codec = { name: 'mine', encode: () => new Uint8Array(0), decode: () => 0 }

describe('resolveOptions', () => {
  it('fills in the defaults', () => {
    expect(resolveOptions()).toEqual({
      codec: 'msgpack',
      ringBytes: 1 << 20,
      maxMessageBytes: 64 << 20,
      maxDecodedBytes: decodedBytesDefault(64 << 20),
      wait: 'adaptive',
      spinMicros: 100,
      views: false,
      transport: 'auto',
      authorize: undefined,
      insecure: false,
      tls: undefined,
      heartbeat: { intervalMs: 5_000, timeoutMs: 15_000 },
      logger: undefined,
    })
    expect(resolveOptions({ codec: undefined, ringBytes: undefined, signal: undefined })).toEqual(
      resolveOptions(),
    )
  })

  it('accepts values at the bounds', () => {
    for (const ringBytes of [1 << 16, 1 << 30])
      expect(resolveOptions({ ringBytes }).ringBytes).toBe(ringBytes)
    for (const maxMessageBytes of [1, 1 << 30]) {
      expect(resolveOptions({ maxMessageBytes }).maxMessageBytes).toBe(maxMessageBytes)
    }
    for (const spinMicros of [0, 1_000_000])
      expect(resolveOptions({ spinMicros }).spinMicros).toBe(spinMicros)
  })

  it('accepts a codec object, a logger, authorize and wait options', () => {
    const authorize = () => true
    const settings = resolveOptions({
      codec,
      logger: console,
      authorize,
      signal: AbortSignal.timeout(1),
      timeoutMs: 0,
    })
    expect(settings).toMatchObject({ codec, logger: console, authorize })
  })

  it.each([
    ['ringBytes', 65_535],
    ['ringBytes', 65_537],
    ['ringBytes', 3 << 16],
    ['ringBytes', 2 ** 31],
    ['ringBytes', 4096.5 * 32],
    ['ringBytes', '65536'],
    ['ringBytes', null],
    ['ringBytes', Number.NaN],
    ['maxMessageBytes', 0],
    ['maxDecodedBytes', (1 << 20) - 1],
    ['maxDecodedBytes', 2 ** 36 + 1],
    ['maxDecodedBytes', 2 ** 30 + 0.5],
    ['maxDecodedBytes', '1 GiB'],
    ['maxMessageBytes', 2 ** 30 + 1],
    ['maxMessageBytes', 10n],
    ['spinMicros', -1],
    ['spinMicros', 1_000_001],
    ['wait', 'never'],
    ['wait', 3],
    ['transport', 'tcp'],
    ['transport', null],
    ['authorize', 'everybody'],
    ['logger', { debug() {} }],
    ['logger', null],
    ['codec', 'xml'],
    ['codec', null],
    ['codec', { name: 'x', encode() {} }],
    ['codec.name', { ...codec, name: '' }],
    ['codec.name', { ...codec, name: 'x'.repeat(65) }],
    ['insecure', 1],
    ['tls', 'cert'],
    ['tls', null],
    ['heartbeat', 5_000],
    ['heartbeat', null],
    ['heartbeat.intervalMs', { intervalMs: 9 }],
    ['heartbeat.intervalMs', { intervalMs: 3_600_001 }],
    ['heartbeat.timeoutMs', { intervalMs: 1_000, timeoutMs: 1_999 }],
    ['heartbeat.timeoutMs', { timeoutMs: 86_400_001 }],
    ['signal', {}],
    ['signal', null],
    ['timeoutMs', -1],
    ['timeoutMs', 2 ** 31],
    ['timeoutMs', Number.POSITIVE_INFINITY],
  ])('rejects %s: %s, naming it', (name, value) => {
    expect(faultOf({ [name.split('.')[0] as string]: value })).toMatch(
      new RegExp(`^${name} is .*; it must be `),
    )
  })

  it('rejects an unknown option and suggests the nearest one', () => {
    expect(faultOf({ ringByte: 1 << 16 })).toBe('unknown option "ringByte"; did you mean "ringBytes"?')
    expect(faultOf({ timeout: 1 })).toBe('unknown option "timeout"; did you mean "timeoutMs"?')
  })

  it('rejects an option of another function and names that function', () => {
    expect(faultOf({ whenInUse: 'wait' })).toBe('"whenInUse" is an option of listen only')
    expect(faultOf({ backOff: {} })).toBe('"backOff" is an option of keepConnected only')
  })

  it('derives the timeout of the heartbeat from its interval, and rejects unknown members', () => {
    expect(resolveOptions({ heartbeat: { intervalMs: 100 } }).heartbeat).toEqual({
      intervalMs: 100,
      timeoutMs: 300,
    })
    expect(faultOf({ heartbeat: { interval: 1 } })).toBe(
      'unknown option "heartbeat.interval"; did you mean "heartbeat.intervalMs"?',
    )
  })

  it('lists the options when no name is near', () => {
    expect(faultOf({ size: 1 })).toBe(
      'unknown option "size"; the options are codec, schema, ringBytes, maxMessageBytes, maxDecodedBytes, maxOutboxBytes, wait, spinMicros, views, transport, authorize, insecure, tls, heartbeat, logger, signal, timeoutMs',
    )
  })

  it("rejects views without codec 'bytes'", () => {
    expect(faultOf({ views: true })).toBe('views: true needs codec \'bytes\'; the codec is "msgpack"')
  })

  it.each([null, 3, 'x'])('rejects %s in place of the options', (options) => {
    expect(faultOf(options)).toContain('it must be an object')
  })
})

describe('checkWaitOptions', () => {
  it('accepts a signal of another realm', () => {
    const signal = runInNewContext(`({ aborted: false, addEventListener() {}, removeEventListener() {} })`)
    checkWaitOptions({ signal })
  })

  it('rejects an unknown option and suggests the nearest one', () => {
    expect(() => checkWaitOptions({ timeout: 5 } as object)).toThrow(
      'unknown option "timeout"; did you mean "timeoutMs"?',
    )
    expect(() => checkWaitOptions({ codec: 'json' } as object)).toThrow(
      'unknown option "codec"; the options are signal, timeoutMs',
    )
  })

  it('accepts no options, and the bounds of timeoutMs', () => {
    checkWaitOptions(undefined)
    checkWaitOptions({ timeoutMs: 0 })
    checkWaitOptions({ timeoutMs: 2 ** 31 - 1 })
  })
})

describe('invalid', () => {
  it.each([
    ['text', '"text"'],
    [Symbol('s'), 'Symbol(s)'],
    [1n, '1'],
    [null, 'null'],
    [[1], '[object Array]'],
    [() => 1, 'a function'],
  ])('shows %s', (value, shown) => {
    expect(invalid('x', value, 'y').message).toBe(`x is ${shown}; it must be y`)
  })

  it('cuts a long value and reports its length', () => {
    expect(invalid('x', 'v'.repeat(500), 'y').message).toMatch(
      /^x is "v{80}"… \(500 characters\); it must be y$/,
    )
  })
})
