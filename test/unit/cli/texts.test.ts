import { describe, expect, it } from 'vitest'
import { parseHeaders } from '../../../src/cli/call/headers.js'
import { closeAfter } from '../../../src/cli/close-after.js'
import { UsageError } from '../../../src/cli/command.js'
import { formatBytes, formatNanos, formatRate } from '../../../src/cli/figures.js'
import { runtimeName } from '../../../src/cli/machine.js'
import { durationMs, positiveInteger } from '../../../src/cli/message-options.js'
import { subscribeFrom } from '../../../src/cli/tail/subscribe-from.js'
import { wrap } from '../../../src/cli/wrap.js'

describe('figures', () => {
  it.each([
    [764, '764 ns'],
    [3233, '3.23 µs'],
    [82_687, '82.7 µs'],
    [1_500_000, '1.50 ms'],
    [2.5e9, '2.50 s'],
  ])('prints %d nanoseconds as %s', (nanos, text) => {
    expect(formatNanos(nanos)).toBe(text)
  })

  it.each([
    [12.34, '12.3/s'],
    [35_055, '35.1 k/s'],
    [15_890_863, '15.9 M/s'],
    [211_103_637, '211 M/s'],
    [2_111_036_370, '2111 M/s'],
  ])('prints %d a second as %s', (rate, text) => {
    expect(formatRate(rate)).toBe(text)
  })

  it.each([
    [64, '64 B'],
    [1024, '1 KiB'],
    [1_600, '1.56 KiB'],
    [2 ** 30, '1 GiB'],
  ])('prints %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('wrap', () => {
  it('breaks a text at spaces behind an indent, and keeps long words', () => {
    const text = 'two processes exchange a-word-that-is-longer-than-the-line through it'
    expect(wrap(text, 4, 28)).toBe(
      'two processes exchange\n    a-word-that-is-longer-than-the-line\n    through it',
    )
  })

  it('leaves a text as it is without a terminal', () => {
    expect(wrap('word '.repeat(100), 4, undefined)).toBe('word '.repeat(100))
  })

  it('does not loop in a terminal that is narrower than the indent', () => {
    expect(wrap('a b', 40, 10)).toBe('a b')
  })
})

describe('options', () => {
  it('takes seconds with fractions', () => {
    expect(durationMs('--timeout', '0.25')).toBe(250)
    expect(durationMs('--timeout', '10')).toBe(10_000)
  })

  it.each(['', ' ', '0', '-1', 'x', 'NaN', 'Infinity', '86401', '1e9'])('refuses %j seconds', (text) => {
    expect(() => durationMs('--timeout', text)).toThrow(UsageError)
  })

  it.each(['', '0', '1.5', '-1', '1e3', '0x10', '101'])('refuses %j as an integer from 1 to 100', (text) => {
    expect(() => positiveInteger('--count', text, 100)).toThrow(
      /--count .*: it must be an integer from 1 to 100/,
    )
  })

  it('takes the positions of a topic', () => {
    expect(subscribeFrom()).toBe('next')
    expect(subscribeFrom('oldest')).toBe('oldest')
    expect(subscribeFrom('ab12:42')).toEqual({ epoch: 'ab12', sequence: 42 })
  })

  it.each(['', 'first', 'ab12:', ':1', 'ab12:-1', 'ab12:9999999999999999'])(
    'refuses the position %j',
    (text) => {
      expect(() => subscribeFrom(text)).toThrow(UsageError)
    },
  )

  it('takes headers with lower-case names, and refuses one twice', () => {
    expect(parseHeaders(['X-Tenant=a=b', 'empty='])).toEqual({ 'x-tenant': 'a=b', empty: '' })
    expect(() => parseHeaders(['a=1', 'A=2'])).toThrow(/the header a is there already/)
    expect(() => parseHeaders(['=1'])).toThrow(/must have the form name=value/)
  })

  it('names the runtime, also one that imitates Node.js', () => {
    expect(runtimeName({ node: '20.1.0' })).toBe('Node.js 20.1.0')
    expect(runtimeName({ node: '22.0.0', bun: '1.2.3' })).toBe('Bun 1.2.3')
    expect(runtimeName({ node: '22.0.0', deno: '2.1.0' })).toBe('Deno 2.1.0')
  })
})

describe('closeAfter', () => {
  it('rejects with the error of the work, not with that of the close', async () => {
    const closes: number[] = []
    const close = (timeoutMs: number): Promise<void> => {
      closes.push(timeoutMs)
      return Promise.reject(new Error('close'))
    }
    await expect(closeAfter(() => Promise.reject(new Error('work')), close, 10_000)).rejects.toThrow('work')
    await expect(closeAfter(() => Promise.resolve(), close, 10_000)).rejects.toThrow('close')
    // After a failure, nothing is left that a close could deliver.
    expect(closes).toEqual([500, 10_000])
  })
})
