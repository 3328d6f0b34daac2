import { describe, expect, it } from 'vitest'
import { StartViews } from '../../src/start-views.js'

const LENGTHS = [0, 1, 64, 1024, 1025, 4096]

describe('the views of the start of a memory', () => {
  it('have the length and the bytes of the memory, also after it has changed', () => {
    const memory = Buffer.alloc(4096, 1)
    const views = new StartViews(memory)
    for (const length of LENGTHS) expect(views.first(length)).toEqual(Buffer.alloc(length, 1))
    memory.fill(2)
    for (const length of LENGTHS) expect(views.first(length)).toEqual(Buffer.alloc(length, 2))
  })

  it('are kept up to a length, so that few exist', () => {
    const views = new StartViews(Buffer.alloc(4096))
    expect(views.first(64)).toBe(views.first(64))
    expect(views.first(1025)).not.toBe(views.first(1025))
  })
})
