import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Finding } from '../../../src/cli/doctor/finding.js'
import { ensureBuilt } from '../../support/build.js'
import { type Launcher, shellLauncher, wordsOf } from '../../support/launcher.js'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { compileRefusals, type Refusal } from '../../support/refusal.js'
import { type CliOptions, runCli } from '../../support/run-cli.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

beforeAll(() => {
  ensureBuilt()
  launcherFor = compileRefusals()
})

let launcherFor: (refusal: Refusal) => Launcher

const FEW_RESOURCES = shellLauncher('ulimit -n 100 && ulimit -f 1')

let directory = ''
beforeEach(() => {
  directory = temporaryDirectory()
})

async function doctor({ env = {}, ...options }: CliOptions = {}) {
  const { code, out, error } = await runCli(['doctor', '--json', '--timeout', '60'], {
    ...options,
    env: { SHMWIRE_DIR: directory, ...env },
  })
  const report = JSON.parse(out) as { ok: boolean; findings: Finding[] }
  const of = (check: string) => report.findings.filter((finding) => finding.check === check)
  return { code, error, ...report, of }
}

describe('shmwire doctor', () => {
  it('exchanges messages through shared memory, and ends with 0', async () => {
    const { code, error, ok, of, findings } = await doctor()
    expect({ code, error, ok }).toEqual({ code: 0, error: '', ok: true })
    expect(of('shared memory')).toEqual([
      {
        check: 'shared memory',
        status: 'ok',
        text: expect.stringMatching(/^two processes exchange messages through it, .* for a round trip$/),
      },
    ])
    expect(of('addon')[0]?.text).toMatch(/shmwire\.node, memory layout 1$/)
    expect(of('runtime')).toEqual([
      { check: 'runtime', status: 'ok', text: `Node.js ${process.versions.node}` },
    ])
    expect(findings.filter((finding) => finding.status !== 'ok' && finding.fix === '')).toEqual([])
  })

  it('prints a line for each check without colours when its output is not a terminal', async () => {
    const env = { SHMWIRE_DIR: directory, SHMWIRE_DIRR: '', SHMWIRE_NO_ADDON: '1' }
    const { code, out, error } = await runCli(['doctor', '--timeout', '60'], { env })
    expect(code).toBe(1)
    expect(out + error).not.toContain('\u001b')
    expect(out).toMatch(/^ok +package +shmwire \d/)
    expect(out).toMatch(/\nproblem +addon +SHMWIRE_NO_ADDON=1 .*\n +fix: unset SHMWIRE_NO_ADDON\n/)
    expect(out).toMatch(/\nnote +environment +SHMWIRE_DIRR= has no effect\n +fix: rename it to SHMWIRE_DIR\n/)
  })

  it('prints colours with FORCE_COLOR, and none with NO_COLOR', async () => {
    const env = { SHMWIRE_DIR: directory, TERM: 'xterm-256color' }
    const coloured = await runCli(['doctor'], { env: { ...env, FORCE_COLOR: '1' } })
    expect(coloured.out).toContain('\u001b[32mok')
    const plain = await runCli(['doctor'], { env: { ...env, NO_COLOR: '1' } })
    expect(plain.out).not.toContain('\u001b')
    const dumb = await runCli(['doctor'], { env: { ...env, TERM: 'dumb', FORCE_COLOR: '1' } })
    expect(dumb.out).toContain('\u001b[32mok')
  })

  it('ends with 1 without the addon, and names the fix', async () => {
    const { code, error, ok, of } = await doctor({ env: { SHMWIRE_NO_ADDON: '1' } })
    expect({ code, ok }).toEqual({ code: 1, ok: false })
    expect(error).toBe('shmwire doctor: 2 problems; the report has the fixes\n')
    for (const check of ['addon', 'shared memory'])
      expect(of(check)).toMatchObject([{ status: 'problem', fix: 'unset SHMWIRE_NO_ADDON' }])
    expect(of('shared memory')[0]?.text).toContain('over the socket')
  })

  it('names the file of SHMWIRE_ADDON that does not load', async () => {
    const file = join(directory, 'broken.node')
    writeFileSync(file, 'no library')
    const { code, of } = await doctor({ env: { SHMWIRE_ADDON: file } })
    expect(code).toBe(1)
    expect(of('addon')).toMatchObject([
      { status: 'problem', fix: expect.stringContaining('unset SHMWIRE_ADDON') },
    ])
    expect(of('addon')[0]?.text).toContain('broken.node does not load')
  })

  it('names the flag of Node.js that refuses the addon', async () => {
    const { code, of } = await doctor({ nodeArguments: ['--no-addons'] })
    expect(code).toBe(1)
    expect(of('addon')).toMatchObject([
      { status: 'problem', fix: 'start node without --no-addons (see NODE_OPTIONS)' },
    ])
  })

  it('suggests the name of an unknown variable', async () => {
    const { code, of } = await doctor({ env: { SHMWIRE_DIRR: '/x' } })
    expect(code).toBe(0)
    expect(of('environment')).toContainEqual({
      check: 'environment',
      status: 'note',
      text: 'SHMWIRE_DIRR=/x has no effect',
      fix: 'rename it to SHMWIRE_DIR',
    })
  })

  // Windows has no directory of sockets.
  describe.skipIf(IS_WINDOWS)('the directory of the sockets', () => {
    it('is a problem if others may write to it', async () => {
      chmodSync(directory, 0o777)
      const { code, of } = await doctor()
      expect(code).toBe(1)
      expect(of('directory')).toMatchObject([
        { status: 'problem', fix: expect.stringContaining('chmod 700') },
      ])
    })

    it('is a problem if its parent does not exist', async () => {
      const missing = join(directory, 'a/b')
      const { of } = await doctor({ env: { SHMWIRE_DIR: missing } })
      expect(of('directory')).toMatchObject([
        { status: 'problem', fix: `mkdir -p ${join(directory, 'a')}, or set SHMWIRE_DIR` },
      ])
    })

    it('is a problem if its path is relative', async () => {
      const { code, of } = await doctor({ env: { SHMWIRE_DIR: 'relative' } })
      expect(code).toBe(1)
      expect(of('directory')).toEqual([
        {
          check: 'directory',
          status: 'problem',
          text: 'SHMWIRE_DIR=relative is not an absolute path',
          fix: 'set SHMWIRE_DIR to an absolute path, or unset it',
        },
      ])
    })

    it('is not created', async () => {
      const missing = join(directory, 'new')
      const { code, of } = await doctor({ env: { SHMWIRE_DIR: missing } })
      expect(code).toBe(0)
      expect(of('directory')).toMatchObject([
        { status: 'ok', text: `${missing}, which the first server creates` },
      ])
      mkdirSync(missing)
    })
  })

  it.for(['memfd_create', 'fallocate', 'F_ADD_SEALS'])(
    'names the filter of system calls that refuses %s',
    async (call, { skip }) => {
      const { code, of } = await doctor({ launcher: wordsOf(launcherFor([call, 'EPERM']), skip) })
      expect(code).toBe(1)
      expect(of('shared memory')).toMatchObject([
        { status: 'problem', fix: 'allow this system call in the seccomp profile or the sandbox' },
      ])
      expect(of('shared memory')[0]?.text).toContain(call)
    },
  )

  it('reports few descriptors and a limit of the length of files', async ({ skip }) => {
    const { of, code } = await doctor({ launcher: wordsOf(FEW_RESOURCES, skip) })
    expect(code).toBe(1)
    expect(of('descriptors')).toMatchObject([{ status: 'note', fix: 'ulimit -n 65536' }])
    expect(of('length of files')).toMatchObject([{ status: 'problem' }])
    expect(of('shared memory')).toMatchObject([
      { status: 'problem', fix: 'raise the limit of the length of files: ulimit -f unlimited' },
    ])
  })
})

describe('shmwire bench', () => {
  it('measures both carriers between two processes', async () => {
    const { code, out, error } = await runCli(['bench', '--json', '--seconds', '0.05', '--bytes', '100'])
    expect({ code, error }).toEqual({ code: 0, error: '' })
    const result = JSON.parse(out)
    expect(result).toMatchObject({
      messageBytes: 100,
      machine: { runtime: `Node.js ${process.versions.node}` },
      shm: { transport: 'shm', longBytes: 1600 },
    })
    for (const { roundTrip, longRoundTrip, oneWayPerSecond } of [result.shm, result.socket]) {
      for (const { count, medianNanos, p99Nanos } of [roundTrip, longRoundTrip]) {
        expect(count).toBeGreaterThan(0)
        expect(medianNanos).toBeGreaterThan(0)
        expect(p99Nanos).toBeGreaterThanOrEqual(medianNanos)
      }
      expect(oneWayPerSecond).toBeGreaterThan(0)
    }
  })

  it('prints a table, and the reason without shared memory', async () => {
    const { code, out } = await runCli(['bench', '--seconds', '0.05'], { env: { SHMWIRE_NO_ADDON: '1' } })
    expect(code).toBe(0)
    expect(out).toMatch(/\nround trip, 64 B +none +[\d.]+ [nµm]s\n/)
    expect(out).toContain('no shared memory: the server has no shared memory: SHMWIRE_NO_ADDON=1')
  })
})

describe('shmwire choose', () => {
  it('prints the advice for the answers of a script', async () => {
    const args = [
      '--machines=same',
      '--language=javascript',
      '--receivers=worker',
      '--durability=crash',
      '--rate=low',
    ]
    const { code, out, error } = await runCli(['choose', ...args])
    expect({ code, error }).toEqual({ code: 0, error: '' })
    expect(out).toMatch(
      /^link +shared memory: [\s\S]*\npattern +a queue with store\n[\s\S]*\ngateway +none\n/,
    )
    const { out: json } = await runCli(['choose', ...args, '--json'])
    expect(JSON.parse(json)).toMatchObject({
      answers: { receivers: 'worker' },
      pattern: { title: 'a queue with `store`', document: 'docs/queues.md' },
    })
  })
})
