import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'

beforeAll(() => ensureBuilt())

it('the demo sends its file whole, measures, and says so', async () => {
  const demo = fileURLToPath(new URL('../../examples/first-run/demo.mjs', import.meta.url))
  // Rejects with what it printed unless it ends with 0.
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [demo])
  expect(stderr).toBe('')
  expect(stdout).toContain('through shared memory')
  expect(stdout).toContain('all in order, the same SHA-256')
  for (const measured of [
    'Round trip, 64 bytes',
    'request(), default codec',
    'One way, messages of 64 KiB',
  ]) {
    expect(stdout).toContain(measured)
  }
})
