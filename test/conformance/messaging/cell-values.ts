import { describe, expect, it } from 'vitest'
import { listen } from '../../../src/listen.js'
import { policy } from '../../../src/service/auth/policy.js'
import { eventually } from '../../support/turns.js'
import { account, type CellFixture, CellWorld, newName } from './cell-fixture.js'

export function cellValues(fixture: CellFixture): void {
  describe('values', () => {
    const world = new CellWorld(fixture)

    it('returns the current value from get', async () => {
      const cell = await world.cell({ level: 1 })
      const watched = await world.watch(cell)
      expect(watched.get()).toEqual({ level: 1 })
      expect(watched.version).toBe(1)
      expect(watched.epoch).toBe(cell.epoch)
      expect(watched.stale).toBe(false)
      await cell.set({ level: 2 })
      expect(watched.get()).toEqual({ level: 2 })
      expect(watched.version).toBe(2)
      expect(cell.get()).toEqual({ level: 2 })
      expect(cell.version).toBe(2)
    })

    it('returns a value at least as new as the last completed set, for each of several watches', async () => {
      const cell = await world.cell(0)
      const watches = await Promise.all([1, 2, 3, 4].map(() => world.watch(cell)))
      for (let number = 1; number <= 200; number += 1) {
        await cell.set(number)
        expect(watches.map((watched) => watched.get() as number)).toEqual(watches.map(() => number))
      }
    })

    it('returns the same object until the value changes', async () => {
      const cell = await world.cell({ a: 1 })
      const watched = await world.watch(cell)
      const first: unknown = watched.get()
      expect(watched.get()).toBe(first)
      await cell.set({ a: 1 })
      expect(watched.get()).not.toBe(first)
    })

    it('yields the current value marked initial, then newer ones', async () => {
      const cell = await world.cell('a')
      await cell.set('b')
      const watched = await world.watch(cell)
      const taken = account(watched)
      await eventually(() => taken.values.length === 1)
      for (const value of ['c', 'd', 'e']) {
        await cell.set(value)
        await eventually(() => taken.values.at(-1) === value)
      }
      await watched.close()
      expect(await taken.end).toBeUndefined()
      expect(taken).toMatchObject({ values: ['b', 'c', 'd', 'e'], fault: undefined })
      expect(taken.infos.map(({ version }) => version)).toEqual([2, 3, 4, 5])
      expect(taken.infos.every(({ epoch }) => epoch === cell.epoch)).toBe(true)
    })

    it('emits values to listeners that are added later', async () => {
      const cell = await world.cell(1)
      const watched = await world.watch(cell)
      await cell.set(2)
      const events: unknown[] = []
      watched.on('value', (value, { initial }) => events.push([value, initial]))
      await eventually(() => events.length === 1)
      await cell.set(3)
      await eventually(() => events.length === 2)
      expect(events).toEqual([
        [2, true],
        [3, false],
      ])
    })

    it('skips versions that a slow loop misses, and never the last one', async () => {
      const cell = await world.cell(0)
      const watched = await world.watch(cell)
      const taken = account(watched)
      for (let round = 1; round <= 20; round += 1) {
        const last = round * 500
        for (let number = last - 499; number <= last; number += 1) void cell.set(number)
        await eventually(() => taken.values.at(-1) === last)
      }
      expect(taken.fault).toBeUndefined()
    })

    it('misses no last value that is set while watches attach', async () => {
      const cell = await world.cell(0)
      for (let round = 1; round <= 30; round += 1) {
        const opening = world.watch(cell)
        for (let step = 0; step < round % 5; step += 1) await new Promise((resolve) => setImmediate(resolve))
        const settled = cell.set(round)
        const watched = await opening
        const taken = account(watched)
        await settled
        await eventually(() => taken.values.at(-1) === round)
        expect(taken.fault).toBeUndefined()
        await watched.close()
      }
    })

    it('carries values of 0 bytes and of maxValueBytes', async () => {
      const cell = await world.cell(Buffer.alloc(0), { codec: 'bytes', maxValueBytes: 300_000 })
      const watched = await world.watch(cell, { codec: 'bytes' })
      expect(watched.get()).toHaveLength(0)
      const large = Buffer.alloc(300_000, 'x')
      await cell.set(large)
      expect(large.equals(watched.get() as Buffer)).toBe(true)
      await expect(cell.set(Buffer.alloc(300_001))).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE',
      })
      expect(watched.get()).toHaveLength(300_000)
      await cell.set(Buffer.from('y'))
      expect(String(watched.get())).toBe('y')
    })

    it('does not change a value that was returned before', async () => {
      const cell = await world.cell(Buffer.from('first'), { codec: 'bytes' })
      const watched = await world.watch(cell, { codec: 'bytes' })
      const first = watched.get() as Buffer
      for (let number = 0; number < 10; number += 1) await cell.set(Buffer.from(`other ${number}`))
      watched.get()
      expect(String(first)).toBe('first')
    })

    it('serves several cells with different names on one server', async () => {
      const server = await listen(fixture.address(), fixture.server ?? {})
      try {
        const one = await world.cell('one', { name: 'a' }, server)
        const two = await world.cell('two', { name: 'b' }, server)
        expect((await world.watch(one, { name: 'a' })).get()).toBe('one')
        expect((await world.watch(two, { name: 'b' })).get()).toBe('two')
        await expect(world.watch(one, { name: 'c' })).rejects.toMatchObject({
          code: 'ERR_SHMWIRE_NO_HANDLER',
        })
      } finally {
        await world.close()
        await server.close()
      }
    })

    it('refuses a watch with another codec', async () => {
      const cell = await world.cell(1, { codec: 'json' })
      await expect(world.watch(cell)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
    })

    it('refuses what the policy denies', async () => {
      const cell = await world.cell(1, { policy: policy({ 'shmwire.cell/watch': ['admin'] }) })
      await expect(world.watch(cell)).rejects.toMatchObject({
        // Over a network, the peer has no identity.
        status: expect.stringMatching(/^(?:PERMISSION_DENIED|UNAUTHENTICATED)$/),
      })
    })

    it('rejects a value that cannot be encoded, and keeps the one before', async () => {
      const cell = await world.cell(1, { codec: 'json' })
      const cycle: unknown[] = []
      cycle.push(cycle)
      await expect(cell.set(cycle)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
      expect(cell.get()).toBe(1)
      expect(cell.version).toBe(1)
    })

    it('refuses to watch an address without a server', async () => {
      await expect(world.watch({ address: newName() })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_NOT_LISTENING',
      })
    })
  })
}
