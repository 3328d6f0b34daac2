// The store of a queue, and what can happen to its process and its disk.
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, realpathSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { SqliteStore } from '../../src/engine/sqlite/sqlite-store.js'
import { ErrorCode } from '../../src/errors.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { compileNative } from '../support/compiler.js'
import { shellLauncher, wordsOf } from '../support/launcher.js'
import { contentsOf, sequencesIn } from '../support/stored-jobs.js'
import { longDirectory, temporaryDirectory } from '../support/temporary-directory.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const CUTS = 50
const KILLS = 8
const QUEUE_KILLS = 6
const RUN_TIMEOUT_MS = 5 * 60_000

interface Failure {
  readonly code?: string
  readonly message?: string
  readonly executed?: string
}

interface Opened extends Failure {
  readonly opened?: boolean
  readonly jobs?: number
}

interface Outcome {
  readonly acknowledged: readonly number[]
  readonly failures: readonly Failure[]
}

beforeAll(() => ensureBuilt())

let folder = ''
let path = ''
beforeEach(() => {
  folder = realpathSync(temporaryDirectory())
  path = join(folder, 'jobs.sqlite')
})

describe('the file of a store', () => {
  it('belongs to one process, and is free when that process is killed', async () => {
    const holder = new Child('store-holder', { args: [path, 10, 100] })
    expect(await holder.next<Opened>()).toEqual({ opened: true, jobs: 0 })
    const { acknowledged } = await holder.next<Outcome>()
    const refused = await new Child('store-holder', { args: [path, 1, 1] }).next<Opened>()
    expect(refused).toMatchObject({ code: ErrorCode.NAME_IN_USE })
    expect(refused.message).toContain('close the queue or the program that has it open')
    await expect(contentsOf(new SqliteStore(path))).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    await holder.kill()
    expect(await sequencesIn(new SqliteStore(path))).toEqual(acknowledged)
  })

  it('is opened by one of several processes that start together', async () => {
    const contenders = Array.from({ length: 4 }, () => new Child('store-holder', { args: [path, 0, 0] }))
    const outcomes = await Promise.all(contenders.map((child) => child.next<Opened>()))
    expect(outcomes.filter(({ opened }) => opened === true).length).toBeLessThanOrEqual(1)
    for (const { opened, code } of outcomes) if (opened !== true) expect(code).toBe(ErrorCode.NAME_IN_USE)
    await Promise.all(contenders.map((child) => child.kill()))
    await contentsOf(new SqliteStore(path))
  })

  it('keeps every acknowledged job when the disk is full', async ({ skip }) => {
    const disk = join(folder, 'disk')
    mkdirSync(disk)
    const mount = `mount -t tmpfs -o size=1m tmpfs ${disk}`
    const launcher = wordsOf(shellLauncher(mount, 'unshare', '--user', '--map-root-user', '--mount'), skip)
    const child = new Child('store-holder', { args: [join(disk, 'jobs.sqlite'), 1000, 9000], launcher })
    expect(await child.next<Opened>()).toEqual({ opened: true, jobs: 0 })
    const { acknowledged, failures } = await child.next<Outcome>()
    expect(acknowledged.length).toBeGreaterThan(10)
    expect(failures.length).toBeGreaterThan(1)
    expect(failures[0]).toMatchObject({ code: ErrorCode.OUT_OF_MEMORY, executed: 'unknown' })
    expect(failures[0]?.message).toContain('has no room on its disk')
    expect(failures.at(-1)).toMatchObject({ code: ErrorCode.OUT_OF_MEMORY, executed: 'no' })
    expect(await child.ended).toEqual({ code: 0, signal: null })
  })

  it('is not written again after a sync that failed', async ({ skip }) => {
    const library = join(longDirectory(), 'write-trace.so')
    const missing =
      process.platform === 'linux'
        ? compileNative('native/test/power/write_trace.cc', library, '-shared', '-fPIC')
        : 'the library is for Linux'
    if (missing !== undefined) skip(missing)
    const libraries = [process.env['LD_PRELOAD'], library].filter((one) => one !== undefined)
    const env = {
      LD_PRELOAD: libraries.join(':'),
      SHMWIRE_TRACE: join(longDirectory(), 'trace'),
      SHMWIRE_TRACE_FOLDER: folder,
      SHMWIRE_TRACE_SYNCS: '40',
    }
    const child = new Child('store-holder', { args: [path, 1000, 9000], env })
    expect(await child.next<Opened>()).toEqual({ opened: true, jobs: 0 })
    const { acknowledged, failures } = await child.next<Outcome>()
    expect(failures[0]).toMatchObject({ code: ErrorCode.DENIED, executed: 'unknown' })
    expect(failures.at(-1)).toMatchObject({ code: ErrorCode.DENIED, executed: 'no' })
    expect(await child.ended).toEqual({ code: 0, signal: null })
    const found = await sequencesIn(new SqliteStore(path))
    expect(found.slice(0, acknowledged.length)).toEqual(acknowledged)
    expect(found.length).toBeLessThanOrEqual(acknowledged.length + 2)
  })
})

function run(script: string, ...args: string[]): { readonly stdout: string; readonly status: number | null } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  console.log(stdout, stderr.slice(0, 2000))
  return { status, stdout }
}

const hasSqlite = isBuiltin('node:sqlite')

describe('a store without its optional parts', () => {
  it.skipIf(hasSqlite)('explains how to install SQLite', () => {
    const modules = join(folder, 'modules')
    cpSync(join(ROOT, 'build/modules'), modules, { recursive: true })
    const file = pathToFileURL(join(modules, 'engine/sqlite/sqlite-store.js')).href
    const program = `const { SqliteStore } = await import(${JSON.stringify(file)})
      await new SqliteStore(${JSON.stringify(path)}).load().catch(({ code, message }) => console.log(code, message))`
    const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(stdout).toContain('ERR_SHMWIRE_UNAVAILABLE the store of a queue needs SQLite')
    expect(stdout).toContain('npm install better-sqlite3@12')
  })

  it('works without a thread in the bundle of a program, and says so', async () => {
    const bundle = join(folder, 'app.cjs')
    await build({
      stdin: {
        contents: `const { SqliteStore } = require('./build/modules/engine/sqlite/sqlite-store.js')
          const logger = { debug() {}, warn: ({ event, reason }) => console.log(event, reason), error() {} }
          const store = new SqliteStore(process.argv[2], { logger })
          store.load().then(async () => {
            await store.write([{ type: 'seen', id: 'one', untilMs: 1 }])
            await store.close()
            console.log('written')
          })`,
        resolveDir: ROOT,
      },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outfile: bundle,
      logLevel: 'silent',
    })
    const { stdout } = spawnSync(process.execPath, [bundle, path], {
      encoding: 'utf8',
      env: { ...process.env, NODE_PATH: join(ROOT, 'node_modules') },
    })
    expect(stdout).toContain('store.noThread the bundle of the program does not contain its file')
    if (hasSqlite) expect(stdout).toContain('written')
  })
})

describe('a store', () => {
  it(
    `has all acknowledged changes, in their order, after ${KILLS} kills of its process`,
    () => {
      const { status, stdout } = run('scripts/store-kills.mjs', '--count', String(KILLS))
      expect(stdout).toMatch(new RegExp(`\n${KILLS} passed, 0 failed\n$`))
      expect(status).toBe(0)
    },
    RUN_TIMEOUT_MS,
  )

  it(
    `of a queue has each acknowledged job once until it has run, after ${QUEUE_KILLS} kills of its process`,
    () => {
      const { status, stdout } = run('scripts/stored-queue-kills.mjs', '--count', String(QUEUE_KILLS))
      expect(stdout).toMatch(new RegExp(`\n${QUEUE_KILLS + 1} passed, 0 failed\n$`))
      expect(status).toBe(0)
    },
    RUN_TIMEOUT_MS,
  )

  it.runIf(process.platform === 'linux')(
    `has all acknowledged changes, in their order, after ${CUTS} power cuts`,
    () => {
      const { status, stdout } = run('scripts/power-cuts.mjs', '--count', String(CUTS))
      expect(stdout).toMatch(new RegExp(`\n${CUTS} passed, 0 failed\n$`))
      expect(status).toBe(0)
    },
    RUN_TIMEOUT_MS,
  )

  it.runIf(process.platform === 'linux')(
    'loses changes on a disk that ignores syncs, as the check reports',
    () => {
      const { status, stdout } = run('scripts/power-cuts.mjs', '--count', '10', '--lies', '1')
      expect(stdout).toMatch(/\n\d passed, [1-9]\d* failed\n$/)
      expect(status).toBe(1)
    },
    RUN_TIMEOUT_MS,
  )
})
