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
  it('passes in Node, and leaves no descriptor open', async () => {
    expect(await probeBell(new binding.Doorbell())).toBeUndefined()
    const before = descriptors().length
    for (let round = 0; round < 20; round += 1)
      expect(await probeBell(new binding.Doorbell())).toBeUndefined()
    await expect.poll(() => descriptors().length).toBe(before)
  })

  it('fails where no socket watches the descriptor, and leaves none open', async () => {
    const before = descriptors().length
    expect(await probeBell(new binding.Doorbell(), () => new Socket())).toEqual({
      reason: expect.stringMatching(/does not report a doorbell/) as string,
      mayPass: false,
    })
    await expect.poll(() => descriptors().length).toBe(before)
  })
})

describe('a doorbell of the addon', () => {
  it('transfers its descriptor once', () => {
    const bell = new binding.Doorbell()
    expect(bell.transfer()).toBeGreaterThan(2)
    expect(() => bell.transfer()).toThrow('the doorbell was already transferred, or is closed')
    bell.close()
    bell.close()
  })

  it('leaves a descriptor alone that the event loop has closed and another file has by now', async () => {
    const bell = new binding.Doorbell()
    const socket = openBell(bell.transfer(), () => {})
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
    const other = new binding.Doorbell()
    bell.close()
    // Both ends of the second one work.
    expect(await probeBell(other)).toBeUndefined()
  })
})
