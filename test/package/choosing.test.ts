import { spawnSync } from 'node:child_process'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { ROOT } from '../support/documents.js'

beforeAll(() => ensureBuilt())

describe('docs/choosing.md', () => {
  it('has the questions, the advice and the figures of shmwire choose, as they were measured', () => {
    const { status, stderr } = spawnSync(process.execPath, ['scripts/write-choosing.mjs', '--check'], {
      cwd: ROOT,
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})
