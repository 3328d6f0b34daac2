import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCell } from '../../../../src/messaging/cell/create-cell.js'
import type { CellOptions } from '../../../../src/messaging/cell/types.js'
import { watch } from '../../../../src/messaging/cell/watch.js'
import { ownRuntimeDirectory } from '../../../support/temporary-directory.js'

const open: AsyncDisposable[] = []

beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each[Symbol.asyncDispose]()
})

const INVALID = { code: 'ERR_SHMWIRE_INVALID_ARGUMENT' }

describe('the options of a cell', () => {
  it.each([
    ['an unknown option', { ringBytes: 1 }],
    ['maxValueBytes of 0', { maxValueBytes: 0 }],
    ['maxValueBytes above 64 MiB', { maxValueBytes: 64 * 1024 * 1024 + 1 }],
    ['a fraction', { maxValueBytes: 4096.5 }],
    ['an unknown codec', { codec: 'xml' }],
    ['a name with spaces', { name: 'a b' }],
  ])('refuses %s', async (_what, options) => {
    await expect(createCell('cell', 1, options as CellOptions)).rejects.toMatchObject(INVALID)
    // The address is free again.
    await (await createCell('cell', 1)).close()
  })

  it('refuses a first value that is too long or cannot be encoded, and leaves the address free', async () => {
    const long = createCell('cell', 'x'.repeat(100), { maxValueBytes: 50 })
    await expect(long).rejects.toMatchObject({ code: 'ERR_SHMWIRE_MESSAGE_TOO_LARGE' })
    const unknown = createCell('cell', () => {}, { codec: 'v8' })
    await expect(unknown).rejects.toMatchObject({ code: 'ERR_SHMWIRE_CODEC' })
    await (await createCell('cell', 1)).close()
  })

  it('refuses a target that is neither an address nor a server', async () => {
    await expect(createCell(7 as unknown as string, 1)).rejects.toMatchObject(INVALID)
    await expect(watch(7 as unknown as string)).rejects.toMatchObject(INVALID)
  })

  it('ends a watch that is aborted or that takes too long', async () => {
    open.push(await createCell('cell', 1))
    await expect(watch('cell', { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_ABORTED',
    })
    await expect(watch('cell', { timeoutMs: 0 })).rejects.toMatchObject({ code: 'ERR_SHMWIRE_TIMEOUT' })
  })

  it('refuses a second loop over a watch', async () => {
    open.push(await createCell('cell', 1))
    const watched = await watch('cell')
    open.push(watched)
    const loop = watched[Symbol.asyncIterator]()
    await loop.next()
    expect(() => watched.entries()).toThrow('another for await loop is running')
  })
})
