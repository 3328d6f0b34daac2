import { EventEmitter } from 'node:events'
import { beforeEach, describe, expect, it } from 'vitest'
import { Delivery } from '../../../src/channel/delivery.js'
import { turn } from '../../support/turns.js'

const MESSAGES_MAX = 256

let emitter: EventEmitter
let resumes: number
let delivery: Delivery

function newDelivery(borrowsPeerMemory = false): Delivery {
  const link = {
    borrowsPeerMemory,
    resume: () => {
      resumes += 1
    },
  }
  return new Delivery(emitter, link, { heldBytes: () => 0 })
}

/** A received message, in its own memory. */
function take(text: string): void {
  const payload = Buffer.allocUnsafeSlow(text.length)
  payload.write(text)
  delivery.take(text, payload)
}

/** Listens to an event, and returns the arguments. */
function listen(event: string): unknown[] {
  const seen: unknown[] = []
  emitter.on(event, (argument) => seen.push(argument))
  return seen
}

beforeEach(() => {
  emitter = new EventEmitter()
  resumes = 0
  delivery = newDelivery()
})

describe('messages', () => {
  it('are held until there is a listener, and then delivered before later ones', async () => {
    take('held')
    const seen = listen('message')
    take('later')
    expect(seen).toEqual([])
    await turn()
    take('last')
    expect(seen).toEqual(['held', 'later', 'last'])
  })

  it('go to listeners of batches at the end of the batch', async () => {
    const seen = listen('messages')
    await turn()
    take('one')
    take('two')
    expect(seen).toEqual([])
    delivery.batchEnd()
    delivery.batchEnd()
    expect(seen).toEqual([['one', 'two']])
  })

  it('end their batch when a listener throws', async () => {
    emitter.on('message', () => {
      throw new Error('no')
    })
    const batches = listen('messages')
    await turn()
    expect(() => take('one')).toThrow('no')
    expect(batches).toEqual([['one']])
  })

  it('go to a loop instead of the listeners, and back when it ends', async () => {
    const seen = listen('message')
    await turn()
    const loop = delivery.iterate()
    const next = loop.next()
    take('one')
    expect(await next).toEqual({ value: 'one', done: false })
    take('two')
    await loop.return?.()
    await turn()
    expect(seen).toEqual(['two'])
  })

  it('go to a blocking call while it takes them', async () => {
    const seen = listen('message')
    await turn()
    const queue = delivery.pull()
    take('one')
    expect([queue.shift(), seen]).toEqual(['one', []])
    delivery.endPull()
    await turn()
    take('two')
    expect(seen).toEqual(['two'])
  })

  it('are copied before they are held, if the link borrows memory', () => {
    delivery = newDelivery(true)
    const payload = Buffer.from('view')
    delivery.take(payload, payload)
    payload.fill('!')
    expect(String(delivery.pull().shift())).toBe('view')
  })

  it('are dropped after a discard', async () => {
    take('held')
    delivery.discard()
    take('later')
    const seen = listen('message')
    await turn()
    expect(seen).toEqual([])
  })
})

describe('the link', () => {
  function fill(): void {
    for (let count = 0; count < MESSAGES_MAX; count += 1) take('x')
  }

  it('may read on until the limit, and is resumed when messages leave', () => {
    fill()
    expect(delivery.mayReadOn(false)).toBe(false)
    void delivery.iterate().next()
    expect([resumes, delivery.mayReadOn(false)]).toEqual([1, true])
  })

  it('reads on for a blocking call, and while it closes without listeners', () => {
    fill()
    expect(delivery.mayReadOn(true)).toBe(true)
    listen('message')
    expect(delivery.mayReadOn(true)).toBe(false)
    delivery.pull()
    expect(delivery.mayReadOn(false)).toBe(true)
  })

  it('drops messages without a consumer while it closes, and all later ones', () => {
    fill()
    expect(delivery.accepts).toBe(false)
    delivery.pull().clear()
    expect(delivery.accepts).toBe(false)
  })
})

describe('the end', () => {
  it('follows the delivery of held messages to listeners', async () => {
    take('held')
    const seen = listen('message')
    delivery.end(
      undefined,
      () => seen.push('ended'),
      () => seen.push('over'),
    )
    expect(seen).toEqual([])
    await turn()
    expect(seen).toEqual(['held', 'ended', 'over'])
  })

  it('happens at once without listeners, and is over when a loop takes the held messages', async () => {
    take('held')
    const calls: string[] = []
    delivery.end(
      new Error('broken'),
      () => calls.push('ended'),
      () => calls.push('over'),
    )
    expect(calls).toEqual(['ended'])
    const loop = delivery.iterate()
    await turn()
    expect(calls).toEqual(['ended', 'over'])
    expect(await loop.next()).toEqual({ value: 'held', done: false })
    await expect(loop.next()).rejects.toThrow('broken')
  })

  it('ends the last batch', async () => {
    const batches = listen('messages')
    await turn()
    take('one')
    delivery.end(
      undefined,
      () => {},
      () => {},
    )
    expect(batches).toEqual([['one']])
  })
})
