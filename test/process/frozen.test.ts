import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'

beforeAll(() => ensureBuilt())

it.each([
  ['shm', 'before'],
  ['shm', 'after'],
  ['socket', 'before'],
  ['socket', 'after'],
])('works over %s when it is loaded %s all built-in objects are frozen', async (transport, order) => {
  const child = new Child('frozen', { args: [transport, order] })
  const message = await child.next().catch((error: unknown) => [error, child.stderr])
  expect(message).toBe('done')
  expect(await child.ended).toEqual({ code: 0, signal: null })
})
