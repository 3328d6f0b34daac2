import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, createTopic, listen, type Server, subscribe } from '../../dist/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'

const CLI = new URL('../../dist/cli/main.js', import.meta.url).pathname

beforeAll(ensureBuilt)
const open: AsyncDisposable[] = []
beforeEach(() => {
  ownRuntimeDirectory()
})
afterEach(async () => {
  for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]()
})

async function serve(address: string, options = {}): Promise<Server> {
  const server = await listen(address, options)
  open.push(server)
  server.on('channel', (channel) => channel.on('message', () => {}))
  return server
}

/** Runs `shmwire <args>`. */
async function shmwire(...args: string[]): Promise<{ code: number | null; out: string; error: string }> {
  const child = spawn(process.execPath, [CLI, ...args, '--timeout', '30'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: process.env,
  })
  let out = ''
  let error = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    error += chunk.toString()
  })
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, error }
}

describe('the command shmwire', () => {
  it('lists the servers that answer', async () => {
    await serve('prices')
    const { code, out } = await shmwire('list')
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`^NAME +PID +UID +STARTED +SERVICES\nprices +${process.pid} `))
    expect(out).toMatch(/ \d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ /)
    const json = JSON.parse((await shmwire('list', '--json')).out)
    expect(json).toMatchObject([{ name: 'prices', pid: process.pid, kind: 'channel' }])
  })

  it('escapes the characters of a file name that change a terminal', async () => {
    const directory = temporaryDirectory()
    await serve(`unix:${directory}/a\u202eb.sock`)
    const { out } = await shmwire('list', '--json', '--directory', directory)
    expect(out).not.toContain('\u202e')
    expect(JSON.parse(out)).toMatchObject([{ name: 'a\u202eb' }])
  })

  it('shows the rates of channels and the lag of subscriptions once', async () => {
    await serve('prices')
    open.push(await connect('prices'))
    const topic = await createTopic('ticks')
    open.push(topic, await subscribe('ticks'))
    for (let index = 0; index < 5; index += 1) topic.tryPublish(index)
    const { code, out } = await shmwire('top', '--once', '--json', '--interval', '0.2')
    expect(code).toBe(0)
    const { processes, rows, unanswered } = JSON.parse(out)
    expect(processes).toMatchObject([{ pid: process.pid, threadId: 0 }])
    expect(unanswered).toEqual([])
    expect(rows.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual([
      'channel',
      'channel',
      'channel',
      'channel',
      'subscription',
      'topic',
    ])
    expect(rows.find(({ kind }: { kind: string }) => kind === 'subscription')).toMatchObject({
      name: 'ticks',
      lag: 5,
      drops: 0,
    })
    const table = await shmwire('top', '--once', '--interval', '0.2', '--filter', 'prices')
    expect(table.out).toMatch(/\n +PID +KIND +NAME +PEER +MSG\/S▽ +BYTES\/S/)
    expect(table.out).toMatch(new RegExp(`\n *${process.pid} +channel +prices +[←→] shm ${process.pid} `))
    // Not a terminal: no colours.
    expect(table.out).not.toContain('\u001b')
  })

  it('refuses a live table without a terminal, and options that it does not know', async () => {
    expect(await shmwire('top')).toMatchObject({ code: 1, out: '' })
    expect(await shmwire('top', '--once', '--sort', 'age')).toMatchObject({ code: 2, out: '' })
    expect(await shmwire('top', '--once', '--interval', '0')).toMatchObject({ code: 2, out: '' })
    expect(await shmwire('list', 'x')).toMatchObject({ code: 2, out: '' })
  })

  it('ends top when its reader has enough, and after a signal', async () => {
    await serve('prices')
    const start = (): ChildProcessByStdio<null, Readable, null> =>
      spawn(process.execPath, [CLI, 'top', '--json', '--interval', '0.05', '--timeout', '30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: process.env,
      })
    const head = start()
    await once(head.stdout, 'data')
    head.stdout.destroy()
    expect(await once(head, 'exit')).toEqual([0, null])
    const stopped = start()
    await once(stopped.stdout, 'data')
    stopped.stdout.resume()
    stopped.kill('SIGTERM')
    expect(await once(stopped, 'exit')).toEqual([143, null])
  })

  it('prints the metrics of all processes, or of some servers', async () => {
    await serve('prices')
    const all = await shmwire('metrics')
    expect(all.code).toBe(0)
    const series = `shmwire_server_channels{pid="${process.pid}",thread="0",address="prices",transport="unix"} 0`
    expect(all.out.split('\n')).toContain(series)
    const some = await shmwire('metrics', 'prices', 'absent')
    expect(some.code).toBe(1)
    expect(some.out.split('\n')).toContain(series)
    expect(some.error).toMatch(/absent: .*ERR_SHMWIRE_NOT_LISTENING[\s\S]*1 of 2 servers did not answer/)
  })

  it('shows nothing of a process whose server does not allow it', async () => {
    await serve('hidden', { observe: false })
    const { code, out, error } = await shmwire('metrics')
    expect([code, out]).toEqual([0, expect.not.stringContaining('shmwire_process')])
    expect(error).toContain('hidden: ')
    const { unanswered } = JSON.parse((await shmwire('top', '--once', '--json', '--interval', '0.1')).out)
    expect(unanswered).toMatchObject([{ address: 'hidden', code: 'ERR_SHMWIRE_UNAVAILABLE' }])
  })
})

describe('a server without the addon', () => {
  it('shows no counters if the program decides which users it accepts', async () => {
    const library = new URL('../../dist/index.js', import.meta.url).href
    const code = `import { listen } from '${library}'
      await listen('open', { authorize: () => true })
      await listen('own')
      console.log('ready')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, SHMWIRE_NO_ADDON: '1' },
    })
    const ended = once(child, 'exit')
    open.push({
      async [Symbol.asyncDispose]() {
        child.kill()
        await ended
      },
    })
    await once(child.stdout, 'data')
    const { out, error } = await shmwire('metrics')
    expect(error).toMatch(/^open: .*ERR_SHMWIRE_UNAVAILABLE.*\n$/)
    expect(out).toContain(`shmwire_process_info{pid="${child.pid}"`)
  })
})

describe('a process of another user', () => {
  it.skipIf(process.geteuid?.() !== 0)('gets no counters, even if the server accepts it', async () => {
    const directory = temporaryDirectory()
    chmodSync(directory, 0o777)
    const address = `unix:${join(directory, 'accepts')}`
    await serve(address, { authorize: () => true })
    chmodSync(join(directory, 'accepts'), 0o666)
    const own = new Child('other-user-observe', { args: [0, address] })
    expect(await own.next()).toEqual({ hasSnapshot: true })
    const other = new Child('other-user-observe', { args: [1000, address] })
    expect(await other.next()).toEqual({ code: 'ERR_SHMWIRE_UNAVAILABLE', hasSnapshot: false })
  })
})
