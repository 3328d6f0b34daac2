import { readdirSync } from 'node:fs'
import { Socket } from 'node:net'
import { beforeAll, describe, expect, it } from 'vitest'
import { openDoorbell } from '../../src/link/shm/doorbell.js'
import { probeDoorbell } from '../../src/link/shm/doorbell-probe.js'
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
    expect(await probeDoorbell(new binding.Doorbell())).toBeUndefined()
    const before = descriptors().length
    for (let round = 0; round < 20; round += 1)
      expect(await probeDoorbell(new binding.Doorbell())).toBeUndefined()
    await expect.poll(() => descriptors().length).toBe(before)
  })

  it('fails if no socket watches the descriptor, and leaves none open', async () => {
    const before = descriptors().length
    expect(await probeDoorbell(new binding.Doorbell(), () => new Socket())).toEqual({
      reason: expect.stringMatching(/does not report a doorbell/) as string,
      mayPass: false,
    })
    await expect.poll(() => descriptors().length).toBe(before)
  })
})

describe('a doorbell of the addon', () => {
  it('passes its descriptor to the event loop once', () => {
    const doorbell = new binding.Doorbell()
    expect(doorbell.transfer()).toBeGreaterThan(2)
    expect(() => doorbell.transfer()).toThrow('the doorbell was already transferred, or is closed')
    doorbell.close()
    doorbell.close()
  })

  it('does not close a descriptor that the event loop closed and another file reused', async () => {
    const doorbell = new binding.Doorbell()
    const socket = openDoorbell(doorbell.transfer(), () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
    const other = new binding.Doorbell()
    doorbell.close()
    // Both ends of the second one work.
    expect(await probeDoorbell(other)).toBeUndefined()
  })
})
