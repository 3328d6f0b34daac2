import { AsyncLocalStorage } from 'node:async_hooks'
import { afterEach, describe, expect, it } from 'vitest'
import { type Polled, poller } from '../../../src/link/shm/poller.js'
import { eventually, turn, turns } from '../../support/turns.js'
import { collectUncaught } from '../../support/uncaught.js'

const links: FakeLink[] = []

/** A link whose polls return what the test sets. */
class FakeLink implements Polled {
  pollIndex = -1
  polls = 0
  rests = 0
  readonly pollCalls: { spinNanos: number; yieldCpu: boolean }[] = []
  readonly #find: () => number
  readonly #mayRest: () => boolean

  constructor(find: () => number, mayRest: () => boolean = () => true) {
    this.#find = find
    this.#mayRest = mayRest
    links.push(this)
  }

  poll(spinNanos: number, yieldCpu: boolean): number {
    this.polls += 1
    this.pollCalls.push({ spinNanos, yieldCpu })
    return this.#find()
  }

  rest(): boolean {
    this.rests += 1
    return this.#mayRest()
  }
}

afterEach(() => {
  for (const link of links.splice(0)) poller.remove(link)
})

describe('the poller', () => {
  it('polls a link from the next turn on, until it rests', async () => {
    const link = new FakeLink(() => 0)
    poller.wake(link)
    expect(link.polls).toBe(0)
    await turns(5)
    expect([link.polls, link.rests]).toEqual([1, 1])
  })

  it('continues to poll a link that finds records or refuses to rest', async () => {
    let left = 5
    let refusals = 3
    const link = new FakeLink(
      () => {
        left -= 1
        return left >= 0 ? 100 : 0
      },
      () => {
        refusals -= 1
        return refusals < 0
      },
    )
    poller.wake(link)
    await turns(30)
    expect([link.polls, link.rests]).toEqual([9, 4])
  })

  it('polls a link once, however often it was woken before', async () => {
    const link = new FakeLink(() => 0)
    for (let count = 0; count < 5; count += 1) poller.wake(link)
    await turns(5)
    expect(link.polls).toBe(1)
  })

  it('polls a link again after it has rested and was woken', async () => {
    const link = new FakeLink(() => 0)
    for (let count = 1; count <= 3; count += 1) {
      poller.wake(link)
      await turns(3)
      expect(link.polls).toBe(count)
    }
  })

  it('does not poll a link that was removed', async () => {
    const [gone, kept] = [new FakeLink(() => 100), new FakeLink(() => 100)]
    poller.wake(gone)
    poller.wake(kept)
    poller.remove(gone)
    await turns(3)
    expect(gone.polls).toBe(0)
    expect(kept.polls).toBeGreaterThan(0)
  })

  it('continues after a tick that removes the only link and throws before its poll', async () => {
    const link = new FakeLink(() => 1)
    // No turn of an earlier test is scheduled.
    await turns(2)
    const thrown = await collectUncaught(async () => {
      setImmediate(() => {
        process.nextTick(() => {
          poller.remove(link)
          throw new Error('the tick threw')
        })
      })
      poller.wake(link)
      await turns(3)
    })
    expect(thrown.map(String)).toEqual(['Error: the tick threw'])
    expect(link.polls).toBe(0)
  })

  it('lets a link remove itself, or another link, during its poll', async () => {
    const all: FakeLink[] = []
    const make = (poll: () => void) =>
      new FakeLink(() => {
        poll()
        return 100
      })
    all.push(
      make(() => {}),
      make(() => poller.remove(all[0] as FakeLink)),
      make(() => poller.remove(all[3] as FakeLink)),
      make(() => {}),
    )
    for (const link of all) poller.wake(link)
    await turn()
    const first = all.map(({ polls }) => polls)
    await turns(3)
    const later = all.map(({ polls }) => polls)
    // 0 and 3 were removed; the others continue.
    expect([later[0], later[3]]).toEqual([first[0], first[3]])
    expect(later[1]).toBeGreaterThan(first[1] as number)
    expect(later[2]).toBeGreaterThan(first[2] as number)
  })

  it('does not starve timers and other immediates, whatever the links find', async () => {
    for (const records of [1, 4, 5, 1_000]) {
      const link = new FakeLink(() => records)
      poller.wake(link)
      let immediates = 0
      const timer = new Promise((resolve) => setTimeout(resolve, 5))
      const count = (): void => {
        immediates += 1
        if (immediates < 20) setImmediate(count)
      }
      setImmediate(count)
      await timer
      await eventually(() => immediates === 20)
      poller.remove(link)
    }
  })

  it('polls a link with few records a bounded number of times in a turn, with promise jobs in between', async () => {
    const order: string[] = []
    const link = new FakeLink(() => {
      order.push('poll')
      void Promise.resolve().then(() => order.push('job'))
      return 1
    })
    poller.wake(link)
    await turn()
    const inFirstTurn = link.polls
    expect(inFirstTurn).toBeGreaterThan(1)
    expect(inFirstTurn).toBeLessThanOrEqual(64)
    for (let index = 0; index + 1 < order.length; index += 2)
      expect(order.slice(index, index + 2)).toEqual(['poll', 'job'])
  })

  it('polls a stream once in a turn', async () => {
    const link = new FakeLink(() => 100)
    poller.wake(link)
    for (let count = 1; count <= 3; count += 1) {
      await turn()
      expect(link.polls).toBe(count)
    }
  })

  it('spins for a single link only: with several, each would wait for the others', async () => {
    const alone = new FakeLink(() => 100)
    poller.wake(alone)
    await turn()
    expect(alone.pollCalls[0]?.spinNanos).toBeGreaterThan(0)
    const second = new FakeLink(() => 100)
    poller.wake(second)
    await turns(2)
    expect(second.pollCalls[0]?.spinNanos).toBe(0)
    expect(alone.pollCalls.at(-1)?.spinNanos).toBe(0)
  })

  it('yields the core at most once in a turn, and never in one that found records', async () => {
    const idle = [
      new FakeLink(
        () => 0,
        () => false,
      ),
      new FakeLink(
        () => 0,
        () => false,
      ),
      new FakeLink(
        () => 0,
        () => false,
      ),
    ]
    for (const link of idle) poller.wake(link)
    await turns(4)
    const yields = idle.map(({ pollCalls }) => pollCalls.filter(({ yieldCpu }) => yieldCpu).length)
    expect(yields.filter((count) => count > 0)).toHaveLength(1)

    for (const link of idle) link.pollCalls.length = 0
    const busy = new FakeLink(() => 100)
    poller.wake(busy)
    await turns(4)
    expect([...idle, busy].flatMap(({ pollCalls }) => pollCalls).filter(({ yieldCpu }) => yieldCpu)).toEqual(
      [],
    )
  })

  it('continues after a link has thrown, and starves no link, whatever its position', async () => {
    for (const position of [0, 1, 2]) {
      const all = [0, 1, 2].map(
        (index) =>
          new FakeLink(() => {
            if (index === position) throw new Error('a listener has thrown')
            return 100
          }),
      )
      const thrown = await collectUncaught(async () => {
        for (const link of all) poller.wake(link)
        await turns(12)
        for (const link of all) poller.remove(link)
        await turns(2)
      })
      expect(thrown.length).toBe(all[position]?.polls)
      for (const { polls } of all) expect(polls).toBeGreaterThanOrEqual(4)
    }
  })

  it('runs in its own async context, not in that of the call that woke the first link', async () => {
    const storage = new AsyncLocalStorage<string>()
    const seen: unknown[] = []
    const link = new FakeLink(() => {
      seen.push(storage.getStore())
      return 0
    })
    storage.run("a user's request", () => poller.wake(link))
    await turns(3)
    expect(seen).toEqual([undefined])
  })
})
