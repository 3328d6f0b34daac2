import { EventEmitter } from 'node:events'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { ErrorCode } from '../../../src/errors.js'
import { servedMethods } from '../../../src/service/served-methods.js'
import { testContract } from '../../support/services.js'

const SETTINGS = {
  contract: undefined,
  interceptors: [],
  exposeErrors: 'local',
  validateOutput: true,
  identify: undefined,
} as const

function namesOf(handlers: object): string[] {
  return servedMethods('s', handlers, SETTINGS)
    .map(({ name }) => name)
    .toSorted()
}

function wrong(text: string): Error {
  return expect.objectContaining({
    code: ErrorCode.INVALID_ARGUMENT,
    message: expect.stringContaining(text) as string,
  }) as Error
}

describe('the methods of a service without a contract', () => {
  it('are the functions of an object', () => {
    expect(namesOf({ a: () => 1, b() {}, async *c() {}, text: 'no', number: 5, nothing: undefined })).toEqual(
      ['a', 'b', 'c'],
    )
  })

  it('are the functions of a class and of its base classes', () => {
    class Base {
      inherited(): void {}
    }
    class Service extends Base {
      own(): void {}
      arrow = (): void => {}
      get accessor(): () => void {
        return () => {}
      }
      static notOne(): void {}
    }
    expect(namesOf(new Service())).toEqual(['arrow', 'inherited', 'own'])
  })

  it('do not include private names, names with another meaning, or the functions of the language', () => {
    class Service extends Map {
      _hidden(): void {}
      $hidden(): void {}
      #secret(): void {}
      shown(): void {
        this.#secret()
      }
    }
    const service = new Service()
    for (const name of ['then', 'toJSON', 'toString', 'valueOf', 'further'])
      Object.defineProperty(service, name, { value: () => {} })
    expect(namesOf(service)).toEqual(['further', 'shown'])
  })

  it('of a function are its own functions: those of a class are static', () => {
    class Service {
      static shown(): void {}
      hidden(): void {}
    }
    expect(namesOf(Service)).toEqual(['shown'])
    expect(() => namesOf(() => 1)).toThrow(wrong('no function'))
  })

  it('can come from another realm, and from an object without a prototype', () => {
    expect(namesOf(runInNewContext('({ a: () => 1, b: 5 })') as object)).toEqual(['a'])
    expect(namesOf(runInNewContext('new (class { own() {} })()') as object)).toEqual(['own'])
    expect(namesOf(Object.assign(Object.create(null) as object, { a: () => 1 }))).toEqual(['a'])
  })

  it('include those of base classes of Node, which have functions, too', () => {
    class Service extends EventEmitter {
      own(): void {}
    }
    expect(namesOf(new Service())).toContain('own')
  })

  it('are called with their object', () => {
    class Service {
      readonly #value = 5
      get(): number {
        return this.#value
      }
    }
    const [method] = servedMethods('s', new Service(), SETTINGS)
    expect(method?.handler(undefined, undefined as never)).toBe(5)
  })

  it.each([{}, { text: 'no' }, [], new Map()])('are refused if there are none: %o', (handlers) => {
    expect(() => namesOf(handlers)).toThrow(wrong('no function'))
  })

  it('are refused if a name is not printable ASCII or is too long', () => {
    expect(() => namesOf({ größe: () => 1 })).toThrow(wrong('größe'))
    expect(() => namesOf({ ['x'.repeat(254)]: () => 1 })).toThrow(wrong('more than 255'))
  })
})

describe('the methods of a service with a contract', () => {
  const contract = testContract({ getUser: 'unary', list: 'serverStream' })

  it('are those of the contract; further functions are not served', () => {
    const handlers = { getUser: () => 1, list: () => [], other: () => 1, _private: () => 1 }
    const methods = servedMethods('s', handlers, { ...SETTINGS, contract })
    expect(methods.map(({ name, kind }) => [name, kind])).toEqual([
      ['getUser', 'unary'],
      ['list', 'serverStream'],
    ])
  })

  it('are refused if a handler is missing or mistyped, with the nearest name', () => {
    const serve = (handlers: object) => () => servedMethods('s', handlers, { ...SETTINGS, contract })
    expect(serve({ getUsr: () => 1, list: () => [] })).toThrow(wrong('no function "getUser"'))
    expect(serve({ getUsr: () => 1, list: () => [] })).toThrow(wrong('they have "getUsr"'))
    expect(serve({ getUser: 5, list: () => [] })).toThrow(wrong('"getUser"'))
    expect(serve({ getUser: () => 1 })).toThrow(wrong('"list"'))
  })

  it('check their messages as the settings say', () => {
    const handlers = { getUser: () => 1, list: () => [] }
    const [plain] = servedMethods('s', handlers, { ...SETTINGS, contract })
    expect(plain).toMatchObject({ checksInput: true, checksOutput: true })
    const [unchecked] = servedMethods('s', handlers, { ...SETTINGS, contract, validateOutput: false })
    expect(unchecked).toMatchObject({ checksInput: true, checksOutput: false })
    const [intercepted] = servedMethods('s', handlers, {
      ...SETTINGS,
      contract,
      interceptors: [(next) => next],
    })
    expect(intercepted).toMatchObject({ checksInput: false, checksOutput: true })
  })
})
