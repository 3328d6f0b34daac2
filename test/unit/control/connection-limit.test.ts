import { beforeEach, describe, expect, it } from 'vitest'
import { ConnectionLimit } from '../../../src/control/connection-limit.js'

let connections: ConnectionLimit
let dismissed: string[]

beforeEach(() => {
  connections = new ConnectionLimit(6, 4)
  dismissed = []
})

function enter(owner: string, name: string): () => void {
  return connections.enter(owner, () => dismissed.push(name))
}

describe('ConnectionLimit', () => {
  it('dismisses the oldest connection of an owner that has too many', () => {
    for (let count = 1; count <= 6; count += 1) enter('a', `a${count}`)
    expect(dismissed).toEqual(['a1', 'a2'])
    expect(connections.count).toBe(4)
  })

  it('dismisses the oldest connection of the largest owner when there are too many', () => {
    enter('b', 'b1')
    for (let count = 1; count <= 4; count += 1) enter('a', `a${count}`)
    enter('c', 'c1')
    enter('d', 'd1')
    enter('d', 'd2')
    expect(dismissed).toEqual(['a1', 'a2'])
    expect(connections.count).toBe(6)
  })

  it('does not subtract a connection twice after it has left or was dismissed', () => {
    const leave = enter('a', 'a1')
    leave()
    leave()
    const leaves = [2, 3, 4, 5, 6].map((count) => enter('a', `a${count}`))
    expect(dismissed).toEqual(['a2'])
    for (const each of leaves) each()
    expect(connections.count).toBe(0)
  })
})
