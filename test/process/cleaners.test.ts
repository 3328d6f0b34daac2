// Programs that remove old files, in the directory of a live server.
import { execFileSync, spawnSync } from 'node:child_process'
import { lstatSync, lutimesSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { holdName } from '../../src/control/hold-name.js'
import { ServedName } from '../../src/control/served-name.js'
import { probe } from '../../src/control/server-files.js'
import { connect, ErrorCode, listen } from '../../src/index.js'
import { resolveOptions } from '../../src/options.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import type { Skip } from '../support/launcher.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const NAME = 'service'
const FILES = ['service.sock', 'service.sock.1', 'service.sock.fd']
/** The smallest age of a rule of systemd-tmpfiles here. */
const AGE_MS = 1_000

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory(join(temporaryDirectory(), 'run'))
  mkdirSync(directory, { mode: 0o700 })
  writeFileSync(join(directory, 'old-file'), '')
})

/** Skips the test if this machine lacks the program. */
function requireTmpfiles(skip: Skip): void {
  if (spawnSync('systemd-tmpfiles', ['--version']).error !== undefined)
    skip('apt-get install systemd-standalone-tmpfiles: systemd-tmpfiles is missing')
}

/** Removes all files that are older than AGE_MS; twice, because the removal of one name renews the change time of the others. */
function runTmpfiles(): void {
  const rules = join(temporaryDirectory(), 'rules.conf')
  writeFileSync(rules, `d ${directory} 0700 - - ${AGE_MS / 1000}s\n`)
  for (let count = 0; count < 2; count += 1) execFileSync('systemd-tmpfiles', ['--clean', rules])
}

describe('systemd-tmpfiles', () => {
  it('keeps the files of a live server, which stays reachable and unique', async ({ skip }) => {
    requireTmpfiles(skip)
    const server = await listen(NAME)
    server.on('channel', (channel) => channel.handle(() => 'served'))
    await sleep(2 * AGE_MS)
    runTmpfiles()
    expect(readdirSync(directory).toSorted()).toEqual(FILES)
    await expect(listen(NAME)).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    const channel = await connect(NAME)
    expect(channel.transport).toBe('shm')
    expect(await channel.request('?')).toBe('served')
    await channel.close()
    await server.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('keeps the files of a stopped server', async ({ skip }) => {
    requireTmpfiles(skip)
    const child = new Child('waiting-server', { args: [NAME, 'first'], ipc: true })
    expect(await child.next()).toBe('waiting')
    expect(await child.next()).toBe('listening')
    child.process.kill('SIGSTOP')
    await sleep(2 * AGE_MS)
    runTmpfiles()
    expect(readdirSync(directory).toSorted()).toEqual(FILES)
    child.process.kill('SIGCONT')
  })
})

it.each(['-mtime', '-atime'])('find %s keeps the files of a server that has run for long', async (time) => {
  const options = {
    path: join(directory, 'service.sock'),
    text: NAME,
    directory,
    settings: resolveOptions(),
    native: { unavailable: 'the test needs no addon' },
  }
  const name = new ServedName(options, await holdName(options, {}), (socket) => socket.destroy(), 10)
  for (const file of readdirSync(directory)) lutimesSync(join(directory, file), 1, 1)
  await eventually(() => lstatSync(options.path).mtimeMs > 1_000)
  execFileSync('find', [directory, '-mindepth', '1', time, '+1', '-delete'])
  expect(readdirSync(directory).toSorted()).toEqual(FILES.slice(0, 2))
  expect(await probe(options.path)).toBe('alive')
  name.release()
})
