import { Socket } from 'node:net'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { probeDoorbell } from '../../../src/link/shm/doorbell-probe.js'
import type { NativeDoorbell } from '../../../src/native/binding.js'

vi.mock('../../../src/host.js', () => import('../../support/global-host.js'))

const SILENT = {
  reason: expect.stringMatching(/^the event loop of this runtime does not report a doorbell/) as string,
  mayPass: false,
}
const unusable = (why: string) => ({
  reason: `this runtime cannot listen to a doorbell: ${why}`,
  mayPass: true,
})

/** A doorbell whose event loop the test replaces. */
class FakeDoorbell implements NativeDoorbell {
  wakes = 0
  closed = false
  onWake: () => void = () => {}

  transfer(): number {
    return 9
  }

  wake(): void {
    this.wakes += 1
    this.onWake()
  }

  close(): void {
    this.closed = true
  }
}

let doorbell: FakeDoorbell
let socket: Socket
let reports: number

/** Reports the first `reports` wake-ups. */
function listen(_descriptor: number, onWake: () => void): Socket {
  doorbell.onWake = () => {
    if (doorbell.wakes <= reports) setImmediate(onWake)
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

it('accepts an event loop that reports two wake-ups', async () => {
  reports = 2
  expect(await probeDoorbell(doorbell, listen)).toBeUndefined()
  expect(doorbell.wakes).toBe(2)
  await expectEnd()
})

it.each([0, 1])('rejects an event loop that reports %i wake-ups', async (count) => {
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

it('rejects a runtime whose socket accepts no descriptor', async () => {
  const refuse = (): never => {
    throw new TypeError('fd is not supported')
  }
  expect(await probeDoorbell(doorbell, refuse)).toEqual(unusable('fd is not supported'))
  expect(vi.getTimerCount()).toBe(0)
  expect(doorbell.closed).toBe(true)
})

it('rejects a runtime in which a doorbell cannot wake a second time', async () => {
  reports = 2
  const wake = doorbell.wake.bind(doorbell)
  doorbell.wake = () => {
    if (doorbell.wakes === 1) throw new Error('cannot wake the peer')
    wake()
  }
  expect(await probeDoorbell(doorbell, listen)).toEqual(unusable('cannot wake the peer'))
  await expectEnd()
})
