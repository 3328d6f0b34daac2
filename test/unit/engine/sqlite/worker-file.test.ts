import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { SqliteStore } from '../../../../src/engine/sqlite/sqlite-store.js'
import { workerFile } from '../../../../src/engine/sqlite/worker-file.js'
import { ensureBuilt } from '../../../support/build.js'
import { contentsOf } from '../../../support/stored-jobs.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

beforeAll(() => ensureBuilt())

it('finds the file of the thread from each form of the package', () => {
  const root = join('/opt', 'shmwire')
  expect(workerFile(join(root, 'dist', 'shmwire-core.js'))).toBe(
    join(root, 'dist', 'engine', 'sqlite', 'store-worker.js'),
  )
  const compiled = join(root, 'build', 'modules', 'engine', 'sqlite', 'store-worker.js')
  expect(workerFile(join(root, 'build', 'modules', 'native', 'addon-files.js'))).toBe(compiled)
  expect(workerFile(join(root, 'src', 'native', 'addon-files.ts'))).toBe(compiled)
})

it('finds a file that exists from this code', () => {
  expect(existsSync(workerFile() ?? '')).toBe(true)
})

it('finds none from the bundle of a program, and from code without a file', () => {
  expect(workerFile(join('/opt', 'app.cjs'))).toBeUndefined()
  expect(workerFile(join('/opt', 'app', 'core.js'))).toBeUndefined()
})

it('does not keep the thread of a store that was never loaded', async () => {
  const store = new SqliteStore(join(temporaryDirectory(), 'jobs.sqlite'))
  await store.close()
  await expect(contentsOf(store)).rejects.toThrow('the thread of the store')
})
