import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { DirectoryWatch } from '../../../src/discovery/directory-watch.js'
import { ErrorCode } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

let parent = ''
let directory = ''
let watch: DirectoryWatch
const changed = vi.fn()
beforeEach(() => {
  changed.mockClear()
  parent = temporaryDirectory()
  directory = join(parent, 'run')
  watch = new DirectoryWatch(directory, changed)
})
afterEach(() => watch.close())

/** Does something, waits for a report, and returns the reported names. */
async function reportsOf(action: () => void): Promise<unknown[]> {
  changed.mockClear()
  action()
  await expect.poll(() => changed.mock.calls.length, { timeout: 20_000 }).toBeGreaterThan(0)
  return changed.mock.calls.flat()
}

it('reports the names of files that come and go', async () => {
  mkdirSync(directory)
  expect(watch.follow()).toBe(true)
  expect(watch.follow()).toBe(false)
  const file = join(directory, 'a.sock')
  expect(await reportsOf(() => writeFileSync(file, ''))).toContain('a.sock')
  expect(await reportsOf(() => unlinkSync(file))).toContain('a.sock')
})

it('reports a directory that appears, disappears and appears again', async () => {
  for (let round = 0; round < 3; round += 1) {
    watch.follow()
    await reportsOf(() => mkdirSync(directory))
    expect(watch.follow()).toBe(true)
    await reportsOf(() => writeFileSync(join(directory, 'a'), ''))
    await reportsOf(() => rmSync(directory, { recursive: true }))
    expect(watch.follow()).toBe(true)
  }
})

it('follows a directory that takes the place of another one', async () => {
  mkdirSync(directory)
  watch.follow()
  await reportsOf(() => {
    renameSync(directory, join(parent, 'old'))
    mkdirSync(directory)
  })
  expect(watch.follow()).toBe(true)
  expect(await reportsOf(() => writeFileSync(join(directory, 'b'), ''))).toContain('b')
})

it('does not report other files of the parent', async () => {
  watch.follow()
  writeFileSync(join(parent, 'other'), '')
  expect(await reportsOf(() => mkdirSync(directory))).toEqual([undefined])
})

it('follows a symbolic link', async () => {
  mkdirSync(join(parent, 'real'))
  symlinkSync(join(parent, 'real'), directory)
  watch.follow()
  expect(await reportsOf(() => writeFileSync(join(parent, 'real', 'c'), ''))).toContain('c')
})

it('is INVALID_ARGUMENT without the parent', () => {
  const orphan = new DirectoryWatch(join(parent, 'missing', 'run'), changed)
  expect(() => orphan.follow()).toThrow(
    expect.objectContaining({ code: ErrorCode.INVALID_ARGUMENT }) as Error,
  )
})
