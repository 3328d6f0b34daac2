import { readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { openBell } from '../../src/link/shm/bell.js'
import { probeBell } from '../../src/link/shm/bell-probe.js'
import type { NativeBinding } from '../../src/native/binding.js'
import { loadBinding } from '../../src/native/load-binding.js'
import { ensureBuilt } from '../support/build.js'

let binding: NativeBinding

beforeAll(() => {
  ensureBuilt()
  const native = loadBinding()
  if (!('binding' in native)) throw new Error(native.unavailable)
  binding = native.binding
})

function descriptors(): string[] {
  return readdirSync('/proc/self/fd')
}

describe('the probe of a doorbell', () => {
  it('passes in Node and leaves no descriptor open', async () => {
    expect(await probeBell(new binding.Bell())).toBeUndefined()
    const before = descriptors().length
    for (let round = 0; round < 20; round += 1) expect(await probeBell(new binding.Bell())).toBeUndefined()
    await expect.poll(() => descriptors().length).toBe(before)
  })

  it('fails if no socket watches the descriptor, and leaves none open', async () => {
    const before = descriptors().length
    expect(await probeBell(new binding.Bell(), () => new Socket())).toEqual({
      reason: expect.stringMatching(/does not report a doorbell/) as string,
      mayPass: false,
    })
    await expect.poll(() => descriptors().length).toBe(before)
  })
})

describe('a doorbell of the addon', () => {
  it('passes its descriptor to the event loop once', () => {
    const bell = new binding.Bell()
    expect(bell.lend()).toBeGreaterThan(2)
    expect(() => bell.lend()).toThrow('the doorbell is already lent, or closed')
    bell.close()
    bell.close()
  })

  it('does not close a descriptor that the event loop closed and another file reused', async () => {
    const bell = new binding.Bell()
    const socket = openBell(bell.lend(), () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
    const other = new binding.Bell()
    bell.close()
    // Both ends of the second one work.
    expect(await probeBell(other)).toBeUndefined()
  })
})
