import { chownSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { checkRuntimeDirectory, prepareRuntimeDirectory } from '../../../src/control/runtime-directory.js'
import { ErrorCode } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const OVERFLOW = 65_534
const namespace = vi.hoisted(() => ({ complete: false }))

vi.mock('../../../src/control/unmapped-ids.js', () => ({
  mayBeUnmapped: (_kind: string, id: number) => id === OVERFLOW && !namespace.complete,
}))

afterEach(() => {
  vi.restoreAllMocks()
})

const isRoot = process.geteuid?.() === 0
if (!isRoot) console.log('skipped: run the tests as root: only root can give a directory to another user')

describe.skipIf(!isRoot)('a runtime directory of the overflow user', () => {
  it.each([
    ['is DENIED if users are not mapped, even if this process has the same id', false],
    ['belongs to this process if every user is mapped', true],
  ])('%s', (_what, complete) => {
    namespace.complete = complete
    const directory = join(temporaryDirectory(), 'run')
    mkdirSync(directory, { mode: 0o700 })
    chownSync(directory, OVERFLOW, OVERFLOW)
    vi.spyOn(process, 'geteuid').mockReturnValue(OVERFLOW)
    for (const check of [checkRuntimeDirectory, prepareRuntimeDirectory]) {
      if (complete) check(directory)
      else
        expect(() => check(directory)).toThrow(
          expect.objectContaining({
            code: ErrorCode.DENIED,
            message: expect.stringMatching(/cannot be identified/),
          }),
        )
    }
  })
})
