import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, vi } from 'vitest'

/** Windows refuses for a moment to remove the files of a process that was killed. */
const REMOVAL = { recursive: true, force: true, maxRetries: 10 } as const

/** A new directory with a short path, removed after the test. Call it inside a test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  directories.push(directory)
  return directory
}

/** Like `temporaryDirectory`, but removed after the last test of the file. Call it in `beforeAll`. */
export function longDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'sw-'))
  afterAllDirectories.push(directory)
  return directory
}

/** The runtime directory of this test and its children. Call it inside a test. */
export function ownRuntimeDirectory(directory = temporaryDirectory()): string {
  vi.stubEnv('SHMWIRE_DIR', directory)
  return directory
}

/** Runs an action after each test, and another one after all tests of the file, before their directories are removed. */
export function beforeRemoval(afterTest: () => Promise<unknown>, afterTests: () => Promise<unknown>): void {
  actions.afterEach.push(afterTest)
  actions.afterAll.push(afterTests)
}

const directories: string[] = []
const afterAllDirectories: string[] = []
const actions: Record<'afterEach' | 'afterAll', (() => Promise<unknown>)[]> = { afterEach: [], afterAll: [] }

afterEach(async () => {
  vi.unstubAllEnvs()
  for (const action of actions.afterEach) await action()
  for (const directory of directories.splice(0)) rmSync(directory, REMOVAL)
})

afterAll(async () => {
  for (const action of actions.afterAll) await action()
  for (const directory of afterAllDirectories.splice(0)) rmSync(directory, REMOVAL)
})
