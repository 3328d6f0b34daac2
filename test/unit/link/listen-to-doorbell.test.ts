import { describe, expect, it } from 'vitest'
import { nextTurn } from '../../../src/host.js'
import { listenToDoorbell } from '../../../src/link/shm/listen-to-doorbell.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import { collectUncaught } from '../../support/uncaught.js'

describe('a doorbell that is an event', () => {
  const watches: { doorbell: number; wake: () => void; open: boolean }[] = []
  class DoorbellWatch {
    readonly #watch: (typeof watches)[number]
    constructor(doorbell: number, wake: () => void) {
      this.#watch = { doorbell, wake, open: true }
      watches.push(this.#watch)
    }
    close(): void {
      this.#watch.open = false
    }
  }
  const binding = { DoorbellWatch } as unknown as NativeBinding

  it('is watched by the addon until it is destroyed', () => {
    let wakes = 0
    const doorbell = listenToDoorbell(
      binding,
      17,
      () => (wakes += 1),
      () => {},
    )
    const watch = watches.pop()
    watch?.wake()
    expect([watch?.doorbell, watch?.open, wakes]).toEqual([17, true, 1])
    doorbell.destroy()
    expect(watch?.open).toBe(false)
  })

  it('passes what a listener throws to the process, and not to the addon', async () => {
    const error = new Error('of a listener')
    const throwing = (): void => {
      throw error
    }
    listenToDoorbell(binding, 17, throwing, () => {})
    const thrown = await collectUncaught(async () => {
      watches.pop()?.wake()
      await nextTurn()
    })
    expect(thrown).toEqual([error])
  })
})
