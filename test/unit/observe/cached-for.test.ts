import { describe, expect, it } from 'vitest'
import { cachedFor } from '../../../src/observe/cached-for.js'

describe('cachedFor', () => {
  it('makes a value once for all who ask within the time', () => {
    let made = 0
    const cached = cachedFor(() => {
      made += 1
      return {}
    }, 3_600_000)
    expect(cached()).toBe(cached())
    expect(made).toBe(1)
  })

  it('keeps a value longer if it takes long to make', () => {
    let made = 0
    const cached = cachedFor(() => {
      made += 1
      const endMs = performance.now() + 1_000
      while (performance.now() < endMs);
      return made
    }, 1)
    cached()
    const endMs = performance.now() + 10
    while (performance.now() < endMs);
    expect(cached()).toBe(1)
  })

  it('does not keep an error', () => {
    let calls = 0
    const cached = cachedFor(() => {
      calls += 1
      if (calls === 1) throw new Error('broken')
      return calls
    }, 3_600_000)
    expect(cached).toThrow('broken')
    expect(cached()).toBe(2)
  })
})
