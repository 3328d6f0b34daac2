import { EventEmitter } from 'node:events'
import { describe, expect, it } from 'vitest'
import { PulledDelivery, type PullSource } from '../../../src/messaging/pulled-delivery.js'
import { turn, turns } from '../../support/turns.js'

class TestSource implements PullSource<number> {
  readonly items: number[] = []
  readonly lastBytes = 8
  wanted = false
  end: { error: Error | undefined } | undefined
  onTake: (item: number) => void = () => {}

  take(): number | undefined {
    const item = this.items.shift()
    if (item !== undefined) this.onTake(item)
    return item
  }

  request(): void {
    this.wanted = true
  }

  release(): void {
    this.wanted = false
  }
}

function setUp() {
  const emitter = new EventEmitter()
  const source = new TestSource()
  const closes: (Error | undefined)[] = []
  let closed = 0
  const delivery = new PulledDelivery<number>(
    emitter,
    'item',
    source,
    (item) => emitter.emit('item', item),
    () => {
      closed += 1
    },
  )
  emitter.on('close', (error) => closes.push(error))
  const push = (...items: number[]): void => {
    source.items.push(...items)
    if (source.wanted) delivery.ready()
  }
  const end = (error?: Error): void => {
    source.end = { error }
    delivery.ready()
  }
  return { emitter, source, delivery, closes, push, end, closedCount: () => closed }
}

describe('PulledDelivery', () => {
  it('reads nothing without a consumer', async () => {
    const { source, push } = setUp()
    push(1, 2)
    await turns(3)
    expect(source.items).toEqual([1, 2])
    expect(source.wanted).toBe(false)
  })

  it('delivers to listeners and stops when the last one is removed', async () => {
    const { emitter, source, push } = setUp()
    const heard: number[] = []
    const listener = (item: number): unknown => heard.push(item)
    emitter.on('item', listener)
    push(1, 2)
    await turns(2)
    expect(heard).toEqual([1, 2])
    emitter.off('item', listener)
    await turns(2)
    expect(source.wanted).toBe(false)
    push(3)
    emitter.once('item', listener)
    await turns(2)
    expect(heard).toEqual([1, 2, 3])
  })

  it('delivers to a loop while it runs, and to listeners after it', async () => {
    const { emitter, delivery, push } = setUp()
    const heard: number[] = []
    emitter.on('item', (item) => heard.push(item))
    const loop = delivery.iterate((item) => item * 10)
    await turn()
    push(1, 2, 3)
    expect(await loop.next()).toEqual({ done: false, value: 10 })
    const waiting = [loop.next(), loop.next(), loop.next()]
    expect((await Promise.all(waiting.slice(0, 2))).map(({ value }) => value)).toEqual([20, 30])
    await loop.return?.()
    expect(await waiting[2]).toEqual({ done: true, value: undefined })
    push(4)
    await turns(2)
    expect(heard).toEqual([4])
    expect(await loop.next()).toEqual({ done: true, value: undefined })
  })

  it('ends the loop after the items that are left, and emits close once', async () => {
    const { emitter, delivery, closes, push, end, closedCount } = setUp()
    const loop = delivery.iterate((item) => item)
    push(1, 2)
    end(new Error('gone'))
    expect((await loop.next()).value).toBe(1)
    expect((await loop.next()).value).toBe(2)
    await expect(loop.next()).rejects.toThrow('gone')
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    await expect(delivery.iterate((item) => item).next()).rejects.toThrow('gone')
    await turn()
    expect(closes.map(String)).toEqual(['Error: gone'])
    expect(closedCount()).toBe(1)
    const late = new Promise((resolve) => {
      emitter.once('close', resolve)
    })
    expect(await late).toMatchObject({ message: 'gone' })
  })

  it('emits close after the listeners have had the items that are left', async () => {
    const { emitter, closes, push, end } = setUp()
    const events: unknown[] = []
    emitter.on('item', (item) => events.push(item))
    emitter.on('close', () => events.push('close'))
    push(1, 2)
    end()
    await turns(3)
    expect(events).toEqual([1, 2, 'close'])
    expect(closes).toEqual([undefined])
  })

  it('rejects the first of several waiting calls with the error of the end', async () => {
    const { delivery, end } = setUp()
    const loop = delivery.iterate((item) => item)
    const calls = [loop.next(), loop.next()]
    end(new Error('gone'))
    await expect(calls[0]).rejects.toThrow('gone')
    expect(await calls[1]).toEqual({ done: true, value: undefined })
  })

  it('keeps an item whose loop was left while it was taken', async () => {
    const { emitter, source, delivery, push } = setUp()
    const loop = delivery.iterate((item) => item)
    const next = loop.next()
    source.onTake = () => {
      source.onTake = () => {}
      void loop.return?.()
    }
    push(1, 2)
    expect(await next).toEqual({ done: true, value: undefined })
    const heard: number[] = []
    emitter.on('item', (item) => heard.push(item))
    await turns(3)
    expect(heard).toEqual([1, 2])
  })

  it('keeps an item whose listener was removed while it was taken', async () => {
    const { emitter, source, delivery, push } = setUp()
    const heard: number[] = []
    emitter.on('item', (item) => heard.push(item))
    await turn()
    source.onTake = () => {
      source.onTake = () => {}
      emitter.removeAllListeners('item')
    }
    push(1, 2)
    await turns(2)
    const loop = delivery.iterate((item) => item)
    expect((await loop.next()).value).toBe(1)
    expect((await loop.next()).value).toBe(2)
    expect(heard).toEqual([])
  })

  it('gives other work a turn during a long run of items', async () => {
    const { emitter, push, source } = setUp()
    let heard = 0
    emitter.on('item', () => {
      heard += 1
      const end = performance.now() + 0.05
      while (performance.now() < end);
    })
    await turn()
    push(...Array.from({ length: 1_000 }, (_each, index) => index))
    expect(heard).toBeGreaterThan(0)
    expect(heard).toBeLessThan(1_000)
    while (source.items.length > 0) await turn()
    expect(heard).toBe(1_000)
  })

  it('lets timers run during a loop over items that are always there', async () => {
    const { delivery, source } = setUp()
    let fired = false
    setTimeout(() => {
      fired = true
    }, 1)
    source.take = () => 1
    for await (const _item of delivery.iterate((item) => item)) if (fired) break
    expect(fired).toBe(true)
  })

  it('continues after a listener has thrown, whose error is uncaught', async () => {
    const { emitter, push } = setUp()
    const heard: number[] = []
    const uncaught: unknown[] = []
    const before = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => uncaught.push(error))
    try {
      emitter.on('item', (item) => {
        heard.push(item)
        if (item === 1) throw new Error('of the listener')
      })
      await turn()
      push(1, 2)
      await turns(3)
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of before) process.on('uncaughtException', listener)
    }
    expect(heard).toEqual([1, 2])
    expect(uncaught).toHaveLength(1)
  })

  it('holds the items of a source that ends for a consumer that comes later', async () => {
    const { emitter, closes, push, end } = setUp()
    push(1)
    end(new Error('gone'))
    await turns(3)
    expect(closes).toEqual([])
    const heard: number[] = []
    emitter.on('item', (item) => heard.push(item))
    await turns(3)
    expect(heard).toEqual([1])
    expect(closes.map(String)).toEqual(['Error: gone'])
  })

  it('emits close without a consumer when the thread has nothing else to do', async () => {
    const { closes, push, end } = setUp()
    push(1)
    end()
    await turns(2)
    process.emit('beforeExit', 0)
    await turns(2)
    expect(closes).toEqual([undefined])
  })

  it('drops the items that are left when it is finished', async () => {
    const { delivery, closes, push } = setUp()
    const loop = delivery.iterate((item) => item)
    push(1)
    delivery.finish(undefined)
    delivery.finish(new Error('later'))
    expect(await loop.next()).toEqual({ done: true, value: undefined })
    await turn()
    expect(closes).toEqual([undefined])
  })
})
