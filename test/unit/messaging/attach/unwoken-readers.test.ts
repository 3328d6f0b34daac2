import { describe, expect, it } from 'vitest'
import { UnwokenReaders } from '../../../../src/messaging/attach/unwoken-readers.js'
import { eventually } from '../../../support/turns.js'

describe('UnwokenReaders', () => {
  it('wakes again until all readers are awake', async () => {
    let wakes = 0
    const readers = new UnwokenReaders(() => {
      wakes += 1
      return wakes % 3 !== 0
    })
    for (const expected of [3, 6]) {
      readers.wakeLater()
      readers.wakeLater()
      await eventually(() => wakes === expected)
    }
    readers.wakeLater()
    readers.close()
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(wakes).toBe(6)
  })
})
