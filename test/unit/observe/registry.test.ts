import { describe, expect, it } from 'vitest'
import type { CellFigures } from '../../../src/observe/figures.js'
import { register, rowsOf } from '../../../src/observe/registry.js'

const cellOf = ({ name }: { name: string }): CellFigures => ({ address: '', name, version: 1, watchers: 0 })

describe('the registry', () => {
  it('lists owners until their functions are called, with what they report at that time', () => {
    const [one, two] = [{ name: 'one' }, { name: 'two' }]
    const end = register('cells', one, cellOf)
    register('cells', two, cellOf)
    one.name = 'changed'
    expect(rowsOf('cells', 10).rows.map(({ name }) => name)).toEqual(['changed', 'two'])
    end()
    end()
    expect(rowsOf('cells', 10)).toEqual({ rows: [cellOf(two)], omitted: 0 })
  })

  it('counts the rows beyond the limit', () => {
    const owners = Array.from({ length: 5 }, (_, index) => ({ name: `${index}` }))
    const ends = owners.map((owner) => register('queues', owner, () => ({ name: owner.name }) as never))
    const { rows, omitted } = rowsOf('queues', 2)
    expect([rows.length, omitted]).toEqual([2, 3])
    for (const end of ends) end()
    expect(rowsOf('queues', 2)).toEqual({ rows: [], omitted: 0 })
  })
})
