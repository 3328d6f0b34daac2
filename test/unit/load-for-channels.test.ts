import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { DoorbellFault } from '../../src/link/shm/doorbell-probe.js'
import { resolveOptions } from '../../src/options.js'

const SILENT: DoorbellFault = { reason: 'silent', mayPass: false }
const FAILED: DoorbellFault = { reason: 'no descriptor is left', mayPass: true }

const release = Object.getOwnPropertyDescriptor(process, 'release') as PropertyDescriptor
/** The result of each probe, in order. */
let results: (DoorbellFault | undefined)[]
let probes: number
let bellFault: Error | undefined

/** A constructor. */
function Doorbell(): void {
  if (bellFault !== undefined) throw bellFault
}

/** Loads the module as a new thread of a runtime other than Node does. */
async function newThread() {
  vi.resetModules()
  return (await import('../../src/load-for-channels.js')).loadForChannels
}

beforeEach(() => {
  probes = 0
  bellFault = undefined
  Object.defineProperty(process, 'release', { ...release, value: { name: 'other' } })
  vi.doMock('../../src/native/load-binding.js', () => ({ loadBinding: () => ({ binding: { Doorbell } }) }))
  vi.doMock('../../src/link/shm/doorbell-probe.js', () => ({
    probeDoorbell: async () => results[probes++],
  }))
})

afterEach(() => {
  Object.defineProperty(process, 'release', release)
  vi.doUnmock('../../src/native/load-binding.js')
  vi.doUnmock('../../src/link/shm/doorbell-probe.js')
  vi.resetModules()
})

it.each<[string, DoorbellFault | undefined]>([
  ['reports its doorbell', undefined],
  ['does not report its doorbell', SILENT],
])('probes a runtime once that %s', async (_what, fault) => {
  results = [fault]
  const load = await newThread()
  for (let call = 0; call < 3; call += 1) {
    const native = await load(resolveOptions())
    expect('noMemory' in native ? native.noMemory : undefined).toBe(fault?.reason)
  }
  expect(probes).toBe(1)
})

it('probes again after a probe that failed with an error, once for all waiting loads', async () => {
  results = [FAILED, FAILED, undefined]
  const load = await newThread()
  for (let round = 1; round <= 2; round += 1) {
    const loads = await Promise.all([load(resolveOptions()), load(resolveOptions())])
    for (const native of loads) expect(native).toMatchObject({ noMemory: FAILED.reason })
    expect(probes).toBe(round)
  }
  for (let call = 0; call < 2; call += 1) expect(await load(resolveOptions())).not.toHaveProperty('noMemory')
  expect(probes).toBe(3)
})

it('does not probe when no doorbell can be created, and probes at the next load', async () => {
  results = [SILENT]
  bellFault = new Error('no descriptor is left')
  const load = await newThread()
  expect(await load(resolveOptions())).not.toHaveProperty('noMemory')
  expect(probes).toBe(0)
  bellFault = undefined
  expect(await load(resolveOptions())).toMatchObject({ noMemory: SILENT.reason })
})
