import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { probeDoorbell } from '../../../src/link/shm/doorbell-probe.js'
import type { NativeDoorbell } from '../../../src/native/binding.js'

const SILENT = {
  reason: expect.stringMatching(/^the event loop of this runtime does not report a doorbell/) as string,
  mayPass: false,
}
const unusable = (why: string) => ({
  reason: `this runtime cannot listen to a doorbell: ${why}`,
  mayPass: true,
})

/** A doorbell whose event loop is the test. */
class FakeDoorbell implements NativeDoorbell {
  rings = 0
  closed = false
  onRing: () => void = () => {}

  transfer(): number {
    return 9
  }

  wake(): void {
    this.rings += 1
    this.onRing()
  }

  close(): void {
    this.closed = true
  }
}

let doorbell: FakeDoorbell
let socket: Socket
let reports: number

/** Reports the first `reports` rings. */
function listen(_descriptor: number, onRing: () => void): Socket {
  doorbell.onRing = () => {
    if (doorbell.rings <= reports) setImmediate(onRing)
  }
  return socket
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  doorbell = new FakeDoorbell()
  socket = new Socket()
})

afterEach(() => {
  vi.useRealTimers()
})

async function expectEnd(): Promise<void> {
  expect(vi.getTimerCount()).toBe(0)
  expect(socket.destroyed).toBe(true)
  await vi.waitUntil(() => doorbell.closed)
}

it('accepts an event loop that reports two rings', async () => {
  reports = 2
  expect(await probeDoorbell(doorbell, listen)).toBeUndefined()
  expect(doorbell.rings).toBe(2)
  await expectEnd()
})

it.each([0, 1])('rejects an event loop that reports %i rings', async (count) => {
  reports = count
  const probed = probeDoorbell(doorbell, listen)
  await vi.advanceTimersByTimeAsync(60_000)
  expect(await probed).toEqual(SILENT)
  await expectEnd()
})

it('rejects a runtime whose socket reports an error', async () => {
  reports = 0
  const probed = probeDoorbell(doorbell, listen)
  socket.destroy(new Error('bad descriptor'))
  expect(await probed).toEqual(unusable('bad descriptor'))
  await expectEnd()
})

it('rejects a runtime whose socket takes no descriptor', async () => {
  const refuse = (): never => {
    throw new TypeError('fd is not supported')
  }
  expect(await probeDoorbell(doorbell, refuse)).toEqual(unusable('fd is not supported'))
  expect(vi.getTimerCount()).toBe(0)
  expect(doorbell.closed).toBe(true)
})

it('rejects a runtime in which a doorbell cannot be rung a second time', async () => {
  reports = 2
  const wake = doorbell.wake.bind(doorbell)
  doorbell.wake = () => {
    if (doorbell.rings === 1) throw new Error('cannot wake the peer')
    wake()
  }
  expect(await probeDoorbell(doorbell, listen)).toEqual(unusable('cannot wake the peer'))
  await expectEnd()
})
