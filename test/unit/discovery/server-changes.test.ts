import { beforeEach, describe, expect, it } from 'vitest'
import { ServerChanges } from '../../../src/discovery/server-changes.js'
import type { ServerInfo } from '../../../src/discovery/server-info.js'
import type { Answer } from '../../../src/discovery/watched-server.js'
import { turn } from '../../support/turns.js'

const answer = (id: string, name: string, ...services: string[]): Answer => {
  const info: ServerInfo = {
    name,
    address: name,
    pid: 1,
    uid: 1,
    startedAt: new Date(0),
    kind: services.length > 0 ? 'service' : 'channel',
    services: services.map((service) => ({ name: service, hash: undefined })),
  }
  return { id, info }
}

let changes: ServerChanges
beforeEach(() => {
  changes = new ServerChanges()
})

const texts = (list: readonly { type: string; server: ServerInfo }[]): string[] =>
  list.map(
    ({ type, server }) => `${type} ${[server.name, ...server.services.map(({ name }) => name)].join(' ')}`,
  )

describe('the steps between two answers', () => {
  it('are up, change and down, and nothing without a difference', () => {
    expect(texts(changes.set('a', answer('1', 'a')))).toEqual(['up a'])
    expect(texts(changes.set('a', answer('1', 'a')))).toEqual([])
    expect(texts(changes.set('a', answer('1', 'a', 's')))).toEqual(['change a s'])
    expect(texts(changes.set('a', undefined))).toEqual(['down a s'])
    expect(texts(changes.set('a', undefined))).toEqual([])
    expect(changes.servers).toEqual([])
  })

  it('are down and up when another server has the name, although it announces the same', () => {
    changes.set('a', answer('1', 'a'))
    expect(texts(changes.set('a', answer('2', 'a')))).toEqual(['down a', 'up a'])
  })
})

describe('a loop', () => {
  const take = async (loop: AsyncIterator<{ type: string; server: ServerInfo }>, count: number) => {
    const taken = []
    for (let index = 0; index < count; index += 1) {
      const { value } = await loop.next()
      taken.push(value as { type: string; server: ServerInfo })
    }
    return texts(taken)
  }

  it('begins with the present servers and gets each change', async () => {
    changes.set('a', answer('1', 'a'))
    const loop = changes.iterate()
    expect(await take(loop, 1)).toEqual(['up a'])
    const next = take(loop, 1)
    await turn()
    changes.set('b', answer('2', 'b'))
    expect(await next).toEqual(['up b'])
    changes.set('a', undefined)
    expect(await take(loop, 1)).toEqual(['down a'])
  })

  it('that is slow gets the latest state, but sees that a server was replaced', async () => {
    changes.set('a', answer('1', 'a'))
    const loop = changes.iterate()
    await take(loop, 1)
    changes.set('a', undefined)
    changes.set('a', answer('2', 'a'))
    changes.set('b', answer('3', 'b'))
    changes.set('b', undefined)
    changes.set('c', answer('4', 'c'))
    expect(await take(loop, 3)).toEqual(['down a', 'up a', 'up c'])
  })

  it('is independent of another loop, and ends with all changes', async () => {
    const loops = [changes.iterate(), changes.iterate()]
    const firsts = loops.map((loop) => take(loop, 1))
    await turn()
    changes.set('a', answer('1', 'a'))
    expect(await Promise.all(firsts)).toEqual([['up a'], ['up a']])
    changes.set('b', answer('2', 'b'))
    changes.end()
    for (const loop of loops) {
      expect(await take(loop, 1)).toEqual(['up b'])
      expect(await loop.next()).toEqual({ value: undefined, done: true })
    }
    expect(await changes.iterate().next()).toEqual({ value: undefined, done: true })
  })

  it('throws the error with which the watcher ends', async () => {
    const loop = changes.iterate()
    const next = loop.next()
    await turn()
    changes.end(new Error('no directory'))
    await expect(next).rejects.toThrow('no directory')
  })
})
