import { describe, expect, it } from 'vitest'
import { connect } from '../../../src/connect.js'
import { listen } from '../../../src/listen.js'
import { watch } from '../../../src/messaging/cell/watch.js'
import { eventually } from '../../support/turns.js'
import { account, type CellFixture, CellWorld } from './cell-fixture.js'

export function cellWriters(fixture: CellFixture): void {
  describe('writers', () => {
    const world = new CellWorld(fixture)

    it('keeps the last value and becomes stale when the writer closes', async () => {
      const cell = await world.cell('first')
      const watched = await world.watch(cell)
      const taken = account(watched)
      let staleEvents = 0
      watched.on('stale', () => {
        staleEvents += 1
      })
      const settled = cell.set('last')
      await cell.close()
      await settled
      await eventually(() => watched.stale)
      expect(watched.get()).toBe('last')
      await eventually(() => taken.values.at(-1) === 'last')
      expect(staleEvents).toBe(1)
      expect(taken.fault).toBeUndefined()
    })

    it('follows a new writer under a new epoch', async () => {
      const cell = await world.cell('one')
      const watched = await world.watch(cell)
      const taken = account(watched)
      await eventually(() => taken.values.length === 1)
      await cell.close()
      await eventually(() => watched.stale)
      const next = await world.cell('two', {}, cell.address)
      await eventually(() => !watched.stale && watched.get() === 'two')
      expect(next.epoch).not.toBe(cell.epoch)
      expect(watched.epoch).toBe(next.epoch)
      await next.set('three')
      await eventually(() => taken.values.at(-1) === 'three')
      expect(taken.fault).toBeUndefined()
      expect(taken.infos.at(-1)).toEqual({ epoch: next.epoch, version: 2, initial: false })
      expect(watched.transport).toBe(fixture.transport)
    })

    it('follows a new cell on the same server', async () => {
      const server = await listen(fixture.address(), fixture.server ?? {})
      try {
        const cell = await world.cell(1, {}, server)
        const watched = await world.watch(cell)
        await cell.close()
        await eventually(() => watched.stale)
        await world.cell(2, {}, server)
        await eventually(() => watched.get() === 2)
        expect(watched.stale).toBe(false)
        await watched.close()
      } finally {
        await world.close()
        await server.close()
      }
    })

    it('ends with an error when the new writer uses another codec', async () => {
      const cell = await world.cell(1)
      const watched = await world.watch(cell)
      const taken = account(watched)
      const closed = new Promise<Error | undefined>((resolve) => {
        watched.on('close', resolve)
      })
      await cell.close()
      await world.cell(2, { codec: 'json' }, cell.address)
      expect(await closed).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
      expect(await taken.end).toMatchObject({ code: 'ERR_SHMWIRE_INVALID_ARGUMENT' })
      expect(watched.stale).toBe(true)
      expect(watched.get()).toBe(1)
    })

    it('emits close once, last, and keeps the value after close', async () => {
      const cell = await world.cell(1)
      const watched = await world.watch(cell)
      const events: unknown[] = []
      watched.on('value', (value) => events.push(value))
      watched.on('stale', () => events.push('stale'))
      watched.on('close', (error) => events.push(['close', error]))
      await eventually(() => events.length === 1)
      await watched.close()
      await watched.close()
      await cell.set(2)
      await eventually(() => events.length === 2)
      await new Promise((resolve) => setTimeout(resolve, 20))
      expect(events).toEqual([1, ['close', undefined]])
      expect(watched.get()).toBe(1)
    })

    it('ends with the channel that the program has passed, and keeps the value', async () => {
      const cell = await world.cell(1)
      const channel = await connect(cell.address, fixture.client ?? {})
      const watched = await watch(channel)
      expect(watched.fallbackReason).toContain('channel')
      await cell.set(2)
      expect(watched.get()).toBe(2)
      const closed = new Promise<Error | undefined>((resolve) => {
        watched.on('close', resolve)
      })
      watched.on('value', () => {})
      channel.destroy()
      expect(await closed).toBeInstanceOf(Error)
      expect(watched.stale).toBe(true)
      expect(watched.get()).toBe(2)
    })

    it('refuses set after close', async () => {
      const cell = await world.cell(1)
      await cell.close()
      await expect(cell.set(2)).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CLOSED' })
      expect(cell.get()).toBe(1)
    })

    it('sets values while watches come and go', async () => {
      const cell = await world.cell(0)
      const test = { over: false }
      const setting = (async () => {
        for (let number = 1; !test.over; number += 1) {
          await cell.set(number)
          await new Promise((resolve) => setImmediate(resolve))
        }
      })()
      for (let round = 0; round < 25; round += 1) {
        const watched = await world.watch(cell)
        const before = watched.get() as number
        const taken = account(watched)
        await eventually(() => taken.values.length > 3)
        expect(taken.fault).toBeUndefined()
        expect(taken.values[0] as number).toBeGreaterThanOrEqual(before)
        await watched.close()
      }
      test.over = true
      await setting
    })
  })
}
