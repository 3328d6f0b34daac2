import { describe, expect, it } from 'vitest'
import { CommandError } from '../../../src/cli/command.js'
import { jsonLine } from '../../../src/cli/json-line.js'
import { outputLine } from '../../../src/cli/output-line.js'

describe('jsonLine', () => {
  it.each([
    [undefined, 'null'],
    [{ a: [1, 'x', null], b: undefined }, '{"a":[1,"x",null]}'],
    [10n ** 20n, '"100000000000000000000"'],
    [[Number.NaN, Number.NEGATIVE_INFINITY], '["NaN","-Infinity"]'],
    [Buffer.from([0, 255]), '{"base64":"AP8="}'],
    [{ bytes: new Uint8Array([1]) }, '{"bytes":{"base64":"AQ=="}}'],
    [new Uint16Array([1, 2]), '{"base64":"AQACAA=="}'],
    [{ view: new DataView(new Uint8Array([1, 2, 3]).buffer, 1) }, '{"view":{"base64":"AgM="}}'],
    [new Uint8Array([1]).buffer, '{"base64":"AQ=="}'],
    [[Object(7n)], '["7"]'],
    [new Map([['a', new Set([1, 2])]]), '{"a":[1,2]}'],
    [new Map([[1, 'one']]), '[[1,"one"]]'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [/a+/g, '"/a+/g"'],
    [
      Object.assign(new RangeError('far'), { code: 'E_FAR' }),
      '{"name":"RangeError","message":"far","code":"E_FAR"}',
    ],
  ])('prints %o as %s', (value, line) => {
    expect(jsonLine(value)).toBe(line)
  })

  it('prints a reference to an object around it, and equal objects twice', () => {
    const shared = { n: 1 }
    const value: Record<string, unknown> = { first: shared, second: shared }
    value['self'] = value
    value['map'] = new Map([['back', value]])
    const reference = '[a reference to an object around it]'
    expect(JSON.parse(jsonLine(value))).toEqual({
      first: shared,
      second: shared,
      self: reference,
      map: { back: reference },
    })
  })

  it('prints a map that contains itself', () => {
    const map = new Map<string, unknown>()
    map.set('self', map)
    expect(jsonLine(map)).toBe('{"self":"[a reference to an object around it]"}')
  })

  it('escapes characters that change a terminal, so that the line stays JSON', () => {
    const text = 'a\u001b[2J\u009b\u202e\u007f\n'
    const line = jsonLine({ text })
    expect(line).toMatch(/^[\x20-\x7e]*$/)
    expect(JSON.parse(line)).toEqual({ text })
  })

  it('reports a message whose members cannot be read', () => {
    const value = {
      toJSON: () => {
        throw new TypeError('no')
      },
    }
    expect(() => jsonLine(value)).toThrow(CommandError)
    expect(() => jsonLine(value)).toThrow(/cannot be printed as JSON: no; /)
  })

  it('reports a message that is nested too deeply', () => {
    let value: unknown = 0
    for (let depth = 0; depth < 100_000; depth += 1) value = [value]
    expect(() => jsonLine(value)).toThrow(CommandError)
    expect(() => jsonLine(value)).toThrow(/nested too deeply or too long/)
  })
})

describe('outputLine', () => {
  it('prints texts and bytes of UTF-8 as such with text', () => {
    expect(outputLine('a "b"', true)).toBe('a "b"\n')
    expect(outputLine(Buffer.from('ü'), true)).toBe('ü\n')
    expect(outputLine(Buffer.from([0xff]), true)).toBe('{"base64":"/w=="}\n')
    expect(outputLine({ a: 1 }, true)).toBe('{"a":1}\n')
    expect(outputLine('a', false)).toBe('"a"\n')
  })

  it('escapes the control characters of a text, so that it is one line', () => {
    expect(outputLine('a\nb\u001b', true)).toBe(`${String.raw`a\nb\u001b`}\n`)
  })
})
