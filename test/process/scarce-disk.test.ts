// A directory for sockets on a full or read-only file system. Each child mounts its own.
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ErrorCode } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { type Skip, shellLauncher, wordsOf } from '../support/launcher.js'
import { expectWorkingOrExplained, type Outcome } from '../support/outcome.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** The root and the directory take one file each, and a server at most four: lease, handover, socket, temporary. */
const FILES_MAX = 7

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

/** Runs a server and its client in one process, after these commands in its own mount namespace. */
async function exchangeAfter(commands: string, skip: Skip): Promise<Outcome & { readonly files: string[] }> {
  const launcher = wordsOf(shellLauncher(commands, 'unshare', '--user', '--map-root-user', '--mount'), skip)
  const run = join(directory, 'run')
  const child = new Child('self-connect', { args: ['name'], env: { SHMWIRE_DIR: run }, launcher })
  const outcome = await child.next<Outcome & { readonly files: string[] }>()
  expectWorkingOrExplained(outcome)
  expect(outcome.files).toEqual([])
  expect(await child.ended).toEqual({ code: 0, signal: null })
  expect(child.stderr).toBe('')
  return outcome
}

describe('a directory for sockets', () => {
  it('works or fails with the reason, and keeps no file, with room for any number of files', async ({
    skip,
  }) => {
    const outcomes: Outcome[] = []
    for (let files = 1; files <= FILES_MAX; files += 1) {
      const mount = `mount -t tmpfs -o mode=700,size=64k,nr_inodes=${files} tmpfs ${directory}`
      outcomes.push(await exchangeAfter(mount, skip))
    }
    for (const { code, message } of outcomes.filter((outcome) => outcome.code !== undefined)) {
      expect(code).toBe(ErrorCode.OUT_OF_MEMORY)
      expect(message).toContain('ENOSPC')
    }
    expect(outcomes[0]).toMatchObject({ code: ErrorCode.OUT_OF_MEMORY })
    expect(outcomes.at(-1)).toMatchObject({ transport: 'shm', whole: true })
  })

  it('fails with DENIED if it is missing on a read-only file system', async ({ skip }) => {
    const outcome = await exchangeAfter(`mount -t tmpfs -o ro,mode=700 tmpfs ${directory}`, skip)
    expect(outcome).toMatchObject({ code: ErrorCode.DENIED })
    expect(outcome.message).toContain('EROFS')
  })

  it('fails with DENIED if it exists on a read-only file system', async ({ skip }) => {
    const mount = `mount -t tmpfs -o mode=700 tmpfs ${directory}`
    const remount = `mkdir -m 700 ${directory}/run && mount -o remount,ro ${directory}`
    const outcome = await exchangeAfter(`${mount} && ${remount}`, skip)
    expect(outcome).toMatchObject({ code: ErrorCode.DENIED })
    expect(outcome.message).toContain('EROFS')
  })
})
