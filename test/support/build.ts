import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Builds dist/, build/modules/ and the addon where they are older than their sources: the children of the process tests import them.
 * `SHMWIRE_TEST_BUILT=1` takes what is there (scripts/asan.mjs).
 */
export function ensureBuilt(): void {
  if (process.env['SHMWIRE_TEST_BUILT'] === '1') return
  const { status, stderr, stdout } = spawnSync(process.execPath, ['scripts/build.mjs', '--quiet'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`the build failed:\n${stdout}${stderr}`)
}
