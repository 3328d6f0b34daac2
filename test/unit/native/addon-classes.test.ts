import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type {
  NativeBinding,
  NativeDoorbell,
  NativeEndpoint,
  NativeHandoverSocket,
} from '../../../src/native/binding.js'
import { loadBinding } from '../../../src/native/load-binding.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { settled } from '../../support/turns.js'

const OPTIONS = { ringBytes: 64 * 1024, maxMessageBytes: 64 * 1024, recordsMax: 16 }
const INVALID = { name: 'TypeError', code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }

function needBinding(): NativeBinding {
  const load = loadBinding()
  if ('unavailable' in load) throw new Error(load.unavailable)
  return load.binding
}

/** Returns the thrown value, which need not be an error. */
function thrownBy(call: () => unknown): unknown {
  try {
    call()
  } catch (thrown) {
    return thrown
  }
  throw new Error('the call threw nothing')
}

const binding = needBinding()
let endpoint: NativeEndpoint
let handoverSocket: NativeHandoverSocket
let doorbell: NativeDoorbell

beforeEach(() => {
  endpoint = new binding.Endpoint(OPTIONS)
  handoverSocket = new binding.HandoverSocket(join(temporaryDirectory(), 'handover'))
  doorbell = new binding.Doorbell()
})

afterEach(() => {
  endpoint.close()
  handoverSocket.close()
  doorbell.close()
})

describe('a method of the addon', () => {
  it.each(['abort', 'depthBytes', 'wait', 'close'] as const)(
    'rejects receivers that are not an Endpoint: %s',
    (name) => {
      const method = binding.Endpoint.prototype[name]
      const isNone = Object.create(binding.Endpoint.prototype) as unknown
      for (const receiver of [doorbell, handoverSocket, {}, new Proxy(endpoint, {}), isNone, undefined, 1])
        expect(() => {
          Reflect.apply(method, receiver, [])
        }).toThrow(TypeError)
    },
  )

  it('accepts an object of a subclass', () => {
    class Derived extends binding.Endpoint {}
    const derived = new Derived(OPTIONS)
    expect(() => derived.depthBytes()).toThrow(expect.objectContaining(INVALID))
    derived.close()
    expect(() => derived.depthBytes()).toThrow(expect.objectContaining({ code: 'ERR_SHMWIRE_CLOSED' }))
  })

  it('rejects an argument of another class', () => {
    for (const argument of [
      doorbell,
      endpoint,
      {},
      Object.create(handoverSocket) as unknown,
      new Proxy(handoverSocket, {}),
    ]) {
      const accept = (): void => endpoint.acceptHandles(argument as NativeHandoverSocket, new Uint8Array(16))
      expect(accept).toThrow(expect.objectContaining(INVALID))
    }
    // Node-API itself rejects some of these, without a code.
    for (const argument of [undefined, null, 1])
      expect(() =>
        endpoint.acceptHandles(argument as unknown as NativeHandoverSocket, new Uint8Array(16)),
      ).toThrow(TypeError)
  })

  it('rejects views that are not a Uint8Array', () => {
    endpoint.record[binding.RECORD_KIND] = 1
    for (const payload of [new Float64Array(2), new DataView(new ArrayBuffer(8)), 'text', undefined])
      expect(() => endpoint.write(payload as unknown as Uint8Array)).toThrow(expect.objectContaining(INVALID))
  })
})

describe('a constructor of the addon', () => {
  it.each(['Endpoint', 'HandoverSocket', 'Doorbell'] as const)('must be called with new: %s', (name) => {
    expect(() => Reflect.apply(binding[name], undefined, [OPTIONS]) as unknown).toThrow(
      expect.objectContaining(INVALID),
    )
  })

  it.each([new RangeError('of the getter'), 5, undefined])(
    'throws the exception of a getter: %s',
    (thrown) => {
      const options = {
        ...OPTIONS,
        get recordsMax(): number {
          // oxlint-disable-next-line typescript/only-throw-error -- anything can be thrown
          throw thrown
        },
      }
      expect(thrownBy(() => new binding.Endpoint(options))).toBe(thrown)
    },
  )

  // On Windows a handover socket opens nothing.
  it.skipIf(IS_WINDOWS)('throws the system’s error with its number, and keeps no descriptor', async () => {
    const path = join(temporaryDirectory(), 'missing', 'handover')
    // A thread closes handover sockets, also those of the tests before.
    const before = await settled(() => readdirSync('/proc/self/fd').length)
    for (let count = 0; count < 20; count += 1)
      expect(thrownBy(() => new binding.HandoverSocket(path))).toMatchObject({
        code: 'ERR_SHMWIRE_UNAVAILABLE',
        errno: 2,
      })
    // A thread closes handover sockets.
    await expect.poll(() => readdirSync('/proc/self/fd').length).toBe(before)
  })

  it.each(['SharedArrayBuffer', 'Uint32Array', 'Float64Array'] as const)(
    'throws the exception of a getter in place of the class %s',
    (name) => {
      const original = Object.getOwnPropertyDescriptor(globalThis, name)
      const thrown = new Error(name)
      Object.defineProperty(globalThis, name, {
        configurable: true,
        get: () => {
          throw thrown
        },
      })
      try {
        expect(thrownBy(() => new binding.Endpoint(OPTIONS))).toBe(thrown)
      } finally {
        Object.defineProperty(globalThis, name, original ?? {})
      }
    },
  )

  it.each([Float64Array, Map, () => {}, undefined])(
    'rejects another class in place of Uint32Array: %s',
    (replacement) => {
      const original = globalThis.Uint32Array
      globalThis.Uint32Array = replacement as unknown as Uint32ArrayConstructor
      try {
        expect(() => new binding.Endpoint(OPTIONS)).toThrow(Error)
      } finally {
        globalThis.Uint32Array = original
      }
    },
  )
})
