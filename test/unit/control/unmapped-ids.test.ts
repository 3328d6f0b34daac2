import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { mayBeUnmapped } from '../../../src/control/unmapped-ids.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const FULL = '         0          0 4294967295\n'

/** A directory like /proc. A file that is undefined is missing. */
function procWith(files: { map?: string; overflow?: string }): string {
  const proc = temporaryDirectory()
  mkdirSync(join(proc, 'self'))
  mkdirSync(join(proc, 'sys/kernel'), { recursive: true })
  for (const kind of ['uid', 'gid']) {
    if (files.map !== undefined) writeFileSync(join(proc, 'self', `${kind}_map`), files.map)
    if (files.overflow !== undefined)
      writeFileSync(join(proc, 'sys/kernel', `overflow${kind}`), files.overflow)
  }
  return proc
}

describe.runIf(process.platform === 'linux').each(['uid', 'gid'] as const)('an overflow %s', (kind) => {
  it.each([
    ['every id is mapped to itself', FULL, false],
    [
      'two ranges map every id',
      '         0          0       1000\n      1000       1000 4294966295\n',
      false,
    ],
    ['it is mapped, and others are not', '     65534     100000          1\n', true],
    ['a container maps 65536 ids', '         0     100000      65536\n', true],
    ['only root is mapped', '         0       1000          1\n', true],
    ['one id is not mapped', '         0          0 4294967294\n', true],
    ['no id is mapped', '', true],
    ['the map is not readable', undefined, true],
    ['the map is of another form', 'all of them\n', true],
  ])('is ambiguous or not when %s', (_when, map, ambiguous) => {
    const proc = procWith({ overflow: '65534\n', ...(map === undefined ? {} : { map }) })
    expect(mayBeUnmapped(kind, 65_534, proc)).toBe(ambiguous)
    expect(mayBeUnmapped(kind, 65_533, proc)).toBe(false)
    expect(mayBeUnmapped(kind, 0, proc)).toBe(false)
  })

  it('is the one that the administrator has set', () => {
    const proc = procWith({ overflow: '7000\n', map: '0 1000 1\n' })
    expect(mayBeUnmapped(kind, 7000, proc)).toBe(true)
    expect(mayBeUnmapped(kind, 65_534, proc)).toBe(false)
  })

  it('is 65534 if /proc is missing', () => {
    expect(mayBeUnmapped(kind, 65_534, '/nowhere')).toBe(true)
    expect(mayBeUnmapped(kind, 1000, '/nowhere')).toBe(false)
  })

  it('is decided by the map that was written first, because there is only one', () => {
    const proc = procWith({ overflow: '65534\n', map: '' })
    expect(mayBeUnmapped(kind, 65_534, proc)).toBe(true)
    writeFileSync(join(proc, 'self', `${kind}_map`), FULL)
    expect(mayBeUnmapped(kind, 65_534, proc)).toBe(false)
    rmSync(join(proc, 'self'), { recursive: true })
    expect(mayBeUnmapped(kind, 65_534, proc)).toBe(false)
  })
})
