import { afterEach, describe, expect, test, vi } from 'vitest'
import { ObjectBuilder } from '../../../src/codec/object-builder.js'

/** More objects than a shape needs to get its own function. */
const OFTEN = 100

/** Texts that are code in the source of a function, or end a string literal there. */
const HOSTILE_KEYS = [
  '"',
  "'",
  '\\',
  '\\"',
  '"}); globalThis.injected = 1; ({"',
  '": (globalThis.injected = 1), "x',
  '`',
  '*/ globalThis.injected = 1 /*',
  '\n\r\u2028\u2029\0',
  '\ud800',
  'constructor',
  'toString',
  '__defineSetter__',
  '__proto',
  'get x',
  '...x',
  '[x]',
  '0',
  '-1',
  '',
]

function buildOften(Builder: typeof ObjectBuilder, keys: readonly string[]): object[] {
  const builder = new Builder(keys)
  return Array.from({ length: OFTEN }, (_, round) => {
    let value = round
    return builder.build({ read: () => value++ })
  })
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe('an object builder', () => {
  test('returns objects with the keys and values in order, before and after it has a function for them', () => {
    for (const [round, object] of buildOften(ObjectBuilder, ['b', 'a', 'c']).entries())
      expect(Object.entries(object)).toStrictEqual([
        ['b', round],
        ['a', round + 1],
        ['c', round + 2],
      ])
  })

  test('accepts any text as a key, and executes none of it', async () => {
    for (const keys of [...HOSTILE_KEYS.map((key) => [key]), HOSTILE_KEYS]) {
      // A new module for each: after a syntax error the old one would create no function.
      vi.resetModules()
      const { ObjectBuilder: Fresh } = await import('../../../src/codec/object-builder.js')
      for (const [round, object] of buildOften(Fresh, keys).entries()) {
        expect(Object.keys(object).toSorted()).toStrictEqual(keys.toSorted())
        expect(Object.getPrototypeOf(object)).toBe(Object.prototype)
        expect((object as Record<string, unknown>)[keys[0] as string]).toBe(round)
      }
    }
    expect('injected' in globalThis).toBe(false)
  })

  test('builds without a function if the runtime forbids code from strings', async () => {
    let tries = 0
    vi.stubGlobal('Function', function refuse() {
      tries += 1
      throw new EvalError('Code generation from strings disallowed for this context')
    })
    vi.resetModules()
    const { ObjectBuilder: Fresh } = await import('../../../src/codec/object-builder.js')
    for (const keys of [['a', 'b'], ['c']]) {
      const objects = buildOften(Fresh, keys)
      expect(objects.map((object) => Object.keys(object))).toStrictEqual(Array(OFTEN).fill(keys))
    }
    expect(tries).toBe(1)
  })

  test('creates one function for one list of keys, and keeps at most 256', async () => {
    vi.resetModules()
    const { ObjectBuilder: Fresh } = await import('../../../src/codec/object-builder.js')
    const { Function: Real } = globalThis
    const made: string[] = []
    vi.stubGlobal('Function', function counting(text: string) {
      made.push(text)
      return Real(text)
    })
    for (let channel = 0; channel < 3; channel++) buildOften(Fresh, ['a', 'b'])
    expect(made).toHaveLength(1)
    for (let shape = 0; shape < 300; shape++) buildOften(Fresh, [`key${shape}`])
    buildOften(Fresh, ['a', 'b'])
    expect(made).toHaveLength(302)
  })
})
