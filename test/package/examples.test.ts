import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { ROOT } from '../support/documents.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const TRANSPORTS = ['grpc', 'ws', 'HTTP/2', 'HTTP/1.1', 'HTTP/1.1']
const PATIENT = { timeout: 30_000 }

beforeAll(() => ensureBuilt())

/** Rejects with the output of the example unless it ends with 0. */
async function run(name: string, ...args: string[]): Promise<string[]> {
  const file = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
  const env = { ...process.env, NO_COLOR: '1', SHMWIRE_DIR: temporaryDirectory() }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [file, ...args], { env })
  expect(stderr).toBe('')
  return stdout.split('\n').slice(0, -1)
}

describe('the demo', () => {
  it('sends a whole file, measures, and fits a terminal of 80 columns', async () => {
    const lines = await run('first-run/demo.mjs')
    const output = lines.join('\n')
    expect(output).toContain('through shared memory')
    expect(output).toContain('received in order, the same SHA-256')
    for (const title of ['Round trip, 64 B', 'One way, 64 B', 'One way, 64 KiB']) {
      expect(output).toContain(title)
    }
    // These lines show the processor and the path of the file.
    const fixed = lines.filter((line) => !/ cores$|^ {3}\//.test(line))
    expect(fixed.filter((line) => line.length > 80)).toEqual([])
    // No control characters, because there is no terminal.
    expect(output.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  it('names the file that it cannot read', async () => {
    await expect(run('first-run/demo.mjs', 'no-such-file')).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        "The demo failed: Error: ENOENT: no such file or directory, open 'no-such-file'",
      ),
    })
  })
})

describe('the example users', () => {
  const near = ['gRPC tunnel', 'WebSocket tunnel', 'gRPC', 'REST', 'server-sent events']

  it('gets the same bytes through every path', async () => {
    const lines = await run('users/run.mjs')
    expect(rowsOf(lines)).toEqual([
      ['shared memory', 'shm'],
      ['queue with replies', 'shm'],
      ['topic, from its oldest event', 'shm'],
      ['Unix socket', 'unix'],
      ['TCP, mutual TLS', 'tls'],
      ...near.map((name, index) => [`${name}, mutual TLS`, TRANSPORTS[index]]),
    ])
    // The processor of the last line can have a long name.
    expect(lines.slice(0, -2).filter((line) => line.length > 80)).toEqual([])
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })

  it('gets the same bytes from another machine, if this one can be two', async () => {
    const lines = await run('users/two-machines.mjs')
    if ((lines[0] ?? '').startsWith('skipped: ')) expect(lines).toHaveLength(1)
    else
      expect(rowsOf(lines)).toEqual([
        ['TCP, mutual TLS', 'tls'],
        ...near.map((name, index) => [`${name}, mutual TLS`, TRANSPORTS[index]]),
      ])
  })

  it('leaves no process and no file behind when it is interrupted', async () => {
    const folder = temporaryDirectory()
    const file = fileURLToPath(new URL('../../examples/users/run.mjs', import.meta.url))
    const child = spawn(process.execPath, [file], {
      env: { ...process.env, TMPDIR: folder },
      stdio: 'ignore',
    })
    const ended = once(child, 'exit')
    // Then the service runs.
    const hasDatabase = (name: string): boolean => existsSync(join(folder, name, 'users.db'))
    await waitFor(() => expect(readdirSync(folder).some(hasDatabase)).toBe(true), PATIENT)
    const pids = processesOf(folder)
    expect(pids.length).toBeGreaterThan(0)
    child.kill('SIGINT')
    expect(await ended).toEqual([1, null])
    expect(readdirSync(folder)).toEqual([])
    expect(processesOf(folder)).toEqual([])
  })

  it('has the descriptors of its current .proto file', () => {
    const folder = fileURLToPath(new URL('../../examples/users/', import.meta.url))
    const flags = ['--config', `${folder}buf.yaml`, '--exclude-source-info', '-o', '-#format=binpb']
    const { stdout } = spawnSync(join(ROOT, 'node_modules/.bin/buf'), ['build', ...flags], { cwd: ROOT })
    expect(Buffer.compare(stdout, readFileSync(`${folder}users.binpb`))).toBe(0)
  })

  /** The path and the transport of each row of the table. All of them must have had the same bytes. */
  function rowsOf(lines: readonly string[]): string[][] {
    const [begin, end] = [lines.findIndex((line) => /^ {2}─/.test(line)) + 1, lines.indexOf('', 4)]
    const rows = lines.slice(begin, end)
    expect(rows.filter((line) => !/(?:–|[\d.]+ [mµ]s) +[\d.]+ [mµ]s +same$/.test(line))).toEqual([])
    return rows.map((line) => line.trim().split(/ {3,}/).slice(0, 2))
  }

  /** Those that have this folder in their arguments. */
  function processesOf(folder: string): string[] {
    return readdirSync('/proc').filter((pid) => {
      if (!/^\d+$/.test(pid)) return false
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder)
      } catch (error) {
        // The process has ended meanwhile.
        if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return false
        throw error
      }
    })
  }
})

describe('the example tracing', () => {
  it('makes one trace of a request that crosses four processes and a queue', async () => {
    const picture = join(temporaryDirectory(), 'trace.svg')
    const lines = await run('tracing/main.mjs', '--svg', picture)
    const rows = lines.map((line) => /^( *)(.*?) +(gateway|orders|stock|worker) /.exec(line)?.slice(1))
    const job = [
      ['          ', 'request labels producer', 'stock'],
      ['            ', 'process labels consumer', 'worker'],
      ['              ', 'print label internal', 'worker'],
    ]
    expect(rows).toEqual([
      ['', 'POST /api/v1/orders server', 'gateway'],
      ['  ', 'OrderService/PlaceOrder client', 'gateway'],
      ['    ', 'OrderService/PlaceOrder server', 'orders'],
      ['      ', 'StockService/Pick client', 'orders'],
      ['        ', 'StockService/Pick server', 'stock'],
      ...job,
      ...job,
    ])
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    const svg = readFileSync(picture, 'utf8')
    expect(svg.match(/<rect class="worker"/g)).toHaveLength(1 + 4)
    expect(svg.match(/<path class="link" d="M\S+ \S+C/g)).toHaveLength(2)
  })
})

describe('the example', () => {
  it('sidecar receives replies and an error from its child process', async () => {
    const [hashes, refused, ...rest] = await run('sidecar.mjs', '3')
    // scrypt of `password 0` with the salt `salt`, by another implementation.
    expect(hashes).toMatch(/^3 hashes from process \d+; the first begins with 12919048$/)
    expect(refused).toMatch(/^refused: .*\(ERR_SHMWIRE_REMOTE, ERR_INVALID_ARG_TYPE\)$/)
    expect(rest).toEqual([])
  })

  it('large-frames sends all frames, as copies and as views', async () => {
    const lines = await run('large-frames.mjs', '20')
    expect(lines.filter((line) => /^\S/.test(line))).toEqual([
      'copies over shm: 20 frames of 3686400 bytes arrived',
      'views over shm: 20 frames of 3686400 bytes arrived',
    ])
  })

  it('pool answers all calls, also after one of its workers crashed', async () => {
    const lines = await run('pool/main.mjs', '2')
    // The pool and the caller notice the crash at the same time.
    const crash = lines.splice(2, 2).toSorted()
    expect(crash).toEqual(['UNAVAILABLE, executed: unknown', 'worker 0 ends: this worker crashes'])
    expect(lines).toEqual(['1000 sums; the last is 1998', 'the hash begins with 12919048', 'still adding: 3'])
  })

  it('cluster-siblings counts every visit once, by requests between workers', async () => {
    const lines = await run('cluster-siblings.mjs', '3')
    const workers = lines.slice(0, 3).map((line) => {
      const [, pid, first, second, counts] =
        /^worker (\d+) asked (\d+), (\d+) and counted (.*)$/.exec(line) ?? []
      return { pid, asked: new Set([first, second]), counts }
    })
    const pids = workers.map(({ pid }) => pid)
    expect(new Set(pids).size).toBe(3)
    for (const { pid, asked } of workers) {
      expect(asked).toEqual(new Set(pids.filter((other) => other !== pid)))
    }
    expect(workers.map(({ counts }) => counts)).toEqual([
      '{"0":600,"3":600}',
      '{"1":600,"4":600}',
      '{"2":600}',
    ])
    expect(lines.at(-1)).toBe('3000 visits counted')
  })

  it('thread-siblings has one leader after the other, each of which finds the threads that are left', async () => {
    const lines = await run('thread-siblings.mjs', '3')
    const led = lines.map((line) =>
      /^thread (\d) leads: (\d) threads hold (\d+)$/.exec(line)?.slice(1).map(Number),
    )
    expect(led.map((one) => one?.[1])).toEqual([3, 2, 1])
    // Thread n holds 10 ** n, and is gone after it has led.
    const numbers = led.map((one) => 10 ** (one?.[0] ?? 0))
    const sums = numbers.map((_, index) => numbers.slice(index).reduce((sum, number) => sum + number, 0))
    expect(led.map((one) => one?.[2])).toEqual(sums)
  })
})
