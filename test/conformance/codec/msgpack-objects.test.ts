import assert from 'node:assert/strict'
import { describe, expect, test } from 'vitest'
import { msgpackCodec } from '../../../src/codec/msgpack.js'
import { DEEP, ROUND_TRIPS } from '../../support/codec-pair.js'
import { newSeed, randomFrom } from '../../support/random.js'

describe.each(ROUND_TRIPS)('%s', (_form, roundTrip) => {
  describe('objects', () => {
    test('keeps any key as an ordinary key, and changes no prototype', () => {
      const names = [
        '__proto__',
        'constructor',
        'hasOwnProperty',
        'toString',
        'toJSON',
        '__keys__',
        'length',
        '0',
        '-1',
        '',
        '\0',
      ]
      for (const name of names) {
        for (const member of [1, { polluted: true }, null, 'x']) {
          const sent = JSON.parse(`{"a":{${JSON.stringify(name)}:${JSON.stringify(member)},"b":1}}`) as object
          const back = roundTrip(sent)
          // Unlike expect, assert does not use a member named constructor as the class.
          assert.deepStrictEqual(back, sent)
          expect(JSON.stringify(back)).toBe(JSON.stringify(sent))
        }
      }
      expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    })

    test('turns an instance of a class, and an object without prototype, into a plain object', () => {
      class Point {
        x = 1
        readonly #hidden = 2
        get sum(): number {
          return this.x + this.#hidden
        }
        toJSON(): string {
          return 'not called'
        }
      }
      expect(roundTrip(new Point())).toStrictEqual({ x: 1 })
      expect(roundTrip(Object.assign(Object.create(null), { y: 2 }))).toStrictEqual({ y: 2 })
      expect(roundTrip({ [Symbol('s')]: 1, z: 3 })).toStrictEqual({ z: 3 })
    })

    test('omits members of a prototype, and ignores a misleading constructor', () => {
      for (const misleading of [undefined, Map, Array, Set, Object]) {
        for (const enumerable of [true, false]) {
          function Old(this: { own: number }) {
            this.own = 1
          }
          Object.defineProperty(Old.prototype, 'method', { value: () => 1, enumerable })
          if (misleading !== undefined) Old.prototype.constructor = misleading
          expect(roundTrip([Reflect.construct(Old, [])])).toStrictEqual([{ own: 1 }])
        }
      }
      expect(
        roundTrip(Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })),
      ).toStrictEqual({ own: 2 })
    })

    test('turns instances of derived built-in classes into the built-in class, or refuses them', () => {
      class Names extends Set<string> {}
      class Ages extends Map<string, number> {}
      class Row extends Array<number> {}
      class Day extends Date {}
      const value = [new Names(['a']), new Ages([['a', 1]]), Row.from([1, 2]), new Day(5)]
      expect(roundTrip(value)).toStrictEqual([new Set(['a']), new Map([['a', 1]]), [1, 2], new Date(5)])
      class Later extends Promise<number> {}
      class Label extends String {}
      for (const refused of [Later.resolve(1), new Label('x'), new (class extends WeakSet {})()]) {
        expect(() => msgpackCodec.encode([refused])).toThrow(TypeError)
      }
    })

    test('keeps many members and many elements', () => {
      for (const count of [15, 16, 65_535, 65_536, 70_000]) {
        const object = Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]))
        // For long values, `assert` is many times as fast as `expect`.
        assert.deepStrictEqual(roundTrip(object), object)
        const array = Array.from({ length: count }, (_, index) => index)
        assert.deepStrictEqual(roundTrip(array), array)
      }
    })

    test('keeps shared and cyclic references through every container', () => {
      const shared = { name: 'shared' }
      const map = new Map<unknown, unknown>([['shared', shared]])
      const set = new Set<unknown>([shared])
      const root: Record<string, unknown> = { first: shared, list: [shared], map, set }
      root['self'] = root
      map.set(root, map)
      set.add(set)
      const back = roundTrip(root) as {
        first: unknown
        list: unknown[]
        map: Map<unknown, unknown>
        set: Set<unknown>
        self: unknown
      }
      expect(back.self).toBe(back)
      expect(back.list[0]).toBe(back.first)
      expect(back.map.get('shared')).toBe(back.first)
      expect(back.map.get(back)).toBe(back.map)
      expect(back.set.has(back.first) && back.set.has(back.set)).toBe(true)
      const bytes = Buffer.alloc(4)
      const twice = roundTrip([bytes, bytes])
      expect(twice[0]).toBe(twice[1])
    })

    test('keeps references between many objects of all classes, in any order', () => {
      const random = randomFrom(newSeed('references'))
      const objects: object[] = []
      const pick = (): unknown =>
        random() < 0.3 ? objects[Math.floor(random() * objects.length)] : `\ud800${random()}`
      const makers: (() => object)[] = [
        () => ({ id: 1, next: pick(), text: 'x' }),
        () => ({ [`key${Math.floor(random() * 5)}`]: pick(), '\udfff': pick() }),
        () => [pick(), pick()],
        () => new Map([[pick(), pick()]]),
        () => new Set([pick()]),
        () => new Error('x', { cause: pick() }),
        () => new Date(5),
        () => /x/g,
        () => Buffer.from('ab'),
        () => new Float64Array([1]),
      ]
      for (let count = 0; count < 300; count++) {
        const make = makers[Math.floor(random() * makers.length)] as () => object
        objects.push(make())
        const at = objects[Math.floor(random() * objects.length)]
        // Backwards too, so that there are cycles.
        if (Array.isArray(at)) at[0] = objects.at(-1)
      }
      for (const value of [objects, objects.slice(0, 16), objects.slice(0, 17), [DEEP, ...objects]]) {
        const back = roundTrip(value)
        const sent = [...value]
        expect(identities(back)).toEqual(identities(sent))
      }
    })

    test('uses no stack for nesting', () => {
      for (const wrap of [
        (inner: unknown) => [inner],
        (inner: unknown) => ({ inner }),
        (inner: unknown) => new Map([[1, inner]]),
      ]) {
        let value: unknown = 'core'
        for (let depth = 0; depth < 50_000; depth++) value = wrap(value)
        let back = roundTrip(value)
        let depth = 0
        while (typeof back === 'object') {
          back = back instanceof Map ? back.get(1) : Object.values(back as object)[0]
          depth++
        }
        expect([depth, back]).toStrictEqual([50_000, 'core'])
      }
    })

    test('does not duplicate references that fan out', () => {
      let value: unknown = []
      for (let level = 0; level < 60; level++) value = [value, value]
      expect(msgpackCodec.encode(value).length).toBeLessThan(2000)
    })
  })

  describe('unsupported values', () => {
    const refused: [string, unknown][] = [
      ['a function', () => 1],
      ['a symbol', Symbol('s')],
      ['an array with holes', Object.assign([1], { 2: 3 })],
      ['a long array with holes', Object.assign([], { length: 4_000_000_000 })],
      ['a Promise', Promise.resolve()],
      ['a WeakMap', new WeakMap()],
      ['a boxed number', Object(1)],
      ['a URL', new URL('https://example.org')],
      ['a generator', (function* () {})()],
      ['an AbortSignal', new AbortController().signal],
    ]
    test.each(refused)('throws a TypeError for %s at any place', (_name, value) => {
      for (const message of [
        value,
        [value],
        { a: { value } },
        new Map([[1, value]]),
        new Map([[value, 1]]),
        [value, -0],
      ]) {
        expect(() => msgpackCodec.encode(message)).toThrow(TypeError)
      }
      expect(roundTrip({ after: 'it' })).toStrictEqual({ after: 'it' })
    })

    test('keeps the codec usable after an accessor throws', () => {
      for (let callsUntilThrow = 0; callsUntilThrow < 4; callsUntilThrow++) {
        let calls = 0
        const value = {
          big: 'x'.repeat(100_000),
          get trap(): number {
            if (calls++ === callsUntilThrow) throw new RangeError('trap')
            return 1
          },
        }
        try {
          msgpackCodec.encode(value)
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
        expect(roundTrip([1, 'after', { a: 2.5 }])).toStrictEqual([1, 'after', { a: 2.5 }])
      }
    })

    test('keeps the outer message when an accessor encodes another one', () => {
      const sizes = [1, 10_000, 2_000_000]
      for (const size of sizes) {
        const value = {
          before: 'b'.repeat(3000),
          get nested(): number {
            expect(roundTrip({ inner: 'i'.repeat(size) })).toStrictEqual({ inner: 'i'.repeat(size) })
            expect(() => msgpackCodec.encode(Symbol('inner'))).toThrow(TypeError)
            return 5
          },
          after: 'a'.repeat(3000),
        }
        expect(roundTrip(value)).toStrictEqual({ before: value.before, nested: 5, after: value.after })
      }
    })

    test('does not call toJSON', () => {
      class Money {
        amount = 1
        toJSON(): string {
          throw new Error('called')
        }
      }
      expect(roundTrip([new Money()])).toStrictEqual([{ amount: 1 }])
    })
  })
})

/** For each object that a value reaches, in a fixed order: its class, and the numbers of the objects to which it refers. */
function identities(root: unknown): string[] {
  const numbers = new Map<unknown, number>([[root, 0]])
  const found: string[] = []
  const numberOf = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
    if (!numbers.has(value)) numbers.set(value, numbers.size)
    return `#${numbers.get(value)}`
  }
  for (const [value] of numbers) {
    const parts =
      value instanceof Map || value instanceof Set
        ? [...value].flat()
        : Object.entries(value as object).flat()
    if (value instanceof Error) parts.push(value.cause)
    found.push(`${Object.prototype.toString.call(value)} ${parts.map(numberOf).join()}`)
  }
  return found
}
