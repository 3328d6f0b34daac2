import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'

beforeAll(() => ensureBuilt())

it.each([
  ['shm', []],
  ['shm', ['Uint8Array', 'ArrayBuffer']],
  ['socket', []],
])(
  'works over %s when it is loaded in another realm with the globals %j of Node',
  async (transport, shared) => {
    const child = new Child('foreign-realm', {
      args: [transport, JSON.stringify(shared)],
      env: { NODE_OPTIONS: '--experimental-vm-modules' },
    })
    const message = await child.next().catch((error: unknown) => [error, child.stderr])
    expect(message).toBe('done')
    expect(await child.ended).toEqual({ code: 0, signal: null })
  },
)
