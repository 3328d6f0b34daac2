import { EventEmitter, once } from 'node:events'
import { expect, it } from 'vitest'
import { notifyLateListeners } from '../../src/late-listeners.js'
import { turn } from '../support/turns.js'

it('calls each later listener of the event once, with its arguments, and no earlier one', async () => {
  const emitter = new EventEmitter()
  const calls: unknown[] = []
  const same = (value: unknown): void => void calls.push(value)
  emitter.on('close', same)
  notifyLateListeners(emitter, 'close', 'why')
  emitter.on('other', same)
  expect(calls).toEqual([])
  emitter.on('close', same)
  emitter.once('close', same)
  emitter.prependListener('close', (value) => calls.push(`first ${value}`))
  expect(calls).toEqual([])
  await turn()
  expect(calls).toEqual(['why', 'why', 'first why'])
  expect(emitter.listenerCount('close')).toBe(3)
  expect(await once(emitter, 'close')).toEqual(['why'])
})

it('does not call a listener that was removed before the next tick', async () => {
  const emitter = new EventEmitter()
  notifyLateListeners(emitter, 'close')
  let calls = 0
  const listener = (): void => {
    calls += 1
  }
  emitter.on('close', listener).off('close', listener)
  await turn()
  expect(calls).toBe(0)
})
