import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  connect,
  type DiscoveryOptions,
  listen,
  listServers,
  type ServerInfo,
  type ServerWatcher,
  watchServers,
} from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { expectResources, resourcesOnceCollected } from '../support/process-resources.js'
import { countFromEnvironment, integerFrom, newSeed, randomFrom } from '../support/random.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'

/** For servers that live, on a busy machine. */
const PATIENTLY = { answerTimeoutMs: 30_000 }
/** Ends only a test that hangs. */
const PATIENT = { timeout: 60_000 }
/** A start of a process and its end, on a busy machine. */
const ACTION_MS_MAX = 2_000
const ACTIONS = countFromEnvironment('SHMWIRE_DISCOVERY_ACTIONS', 200)

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

async function start(...names: string[]): Promise<Child> {
  const child = new Child('named-servers', { args: names, ipc: true })
  expect(await child.next()).toBe('ready')
  return child
}

async function order(child: Child, ...command: unknown[]): Promise<void> {
  child.send(command)
  expect(await child.next()).toBe('done')
}

const namesOf = (servers: readonly ServerInfo[]): string[] => servers.map(({ name }) => name).toSorted()
const listNames = async (options: DiscoveryOptions = PATIENTLY): Promise<string[]> =>
  namesOf(await listServers(options))

/** The events of a watcher, as `up a 4711`. */
function eventsOf(watcher: ServerWatcher): string[] {
  const events: string[] = []
  for (const type of ['up', 'change', 'down'] as const)
    watcher.on(type, ({ name, pid }) => events.push(`${type} ${name} ${pid}`))
  return events
}

describe('servers of other processes', () => {
  it('are listed with their processes while they live, and can be connected to', async () => {
    const [first, second] = await Promise.all([start('a', 'b'), start('c')])
    const { pid } = first.process
    const servers = await listServers(PATIENTLY)
    expect(servers.map((server) => [server.name, server.pid])).toEqual([
      ['a', pid],
      ['b', pid],
      ['c', second.process.pid],
    ])
    for (const server of servers) {
      const channel = await connect(server.address)
      expect(await channel.request('?')).toBe(server.pid)
      await channel.close()
    }
    await order(first, 'close', 'a')
    expect(await listNames()).toEqual(['b', 'c'])
    await first.kill()
    expect(await listNames()).toEqual(['c'])
    const third = await start('b')
    expect((await listServers(PATIENTLY)).map((server) => server.pid)).toEqual([
      third.process.pid,
      second.process.pid,
    ])
  })

  it('cause events when they start, announce, close, are killed and are replaced', async () => {
    const watcher = await watchServers(PATIENTLY)
    const events = eventsOf(watcher)
    const first = await start('a', 'b')
    const { pid } = first.process
    await expect.poll(() => events.toSorted(), PATIENT).toEqual([`up a ${pid}`, `up b ${pid}`])
    events.length = 0
    await order(first, 'announce', 'a', 'user.UserService')
    await expect.poll(() => events, PATIENT).toEqual([`change a ${pid}`])
    expect((await listServers(PATIENTLY))[0]).toMatchObject({
      kind: 'service',
      services: [{ name: 'user.UserService', hash: 'h' }],
    })
    await order(first, 'close', 'b')
    await expect.poll(() => events, PATIENT).toEqual([`change a ${pid}`, `down b ${pid}`])
    events.length = 0
    await first.kill()
    await expect.poll(() => events, PATIENT).toEqual([`down a ${pid}`])
    const second = await start('a')
    await expect.poll(() => events.at(-1), PATIENT).toBe(`up a ${second.process.pid}`)
    await watcher.close()
  })

  it('are up in their watcher while they are stopped, and in no list', async () => {
    const child = await start('a')
    const watcher = await watchServers(PATIENTLY)
    const events = eventsOf(watcher)
    child.process.kill('SIGSTOP')
    expect(await listNames({ answerTimeoutMs: 300 })).toEqual([])
    const late = await watchServers({ answerTimeoutMs: 300 })
    expect(namesOf(late.servers)).toEqual([])
    expect(namesOf(watcher.servers)).toEqual(['a'])
    child.process.kill('SIGCONT')
    await expect.poll(() => namesOf(late.servers), PATIENT).toEqual(['a'])
    expect(await listNames()).toEqual(['a'])
    expect(events).toEqual([])
    await Promise.all([watcher.close(), late.close()])
  })

  it('are listed although they are busy for a moment', async () => {
    const child = await start('a')
    const blocked = order(child, 'block', 300)
    expect(await listNames()).toEqual(['a'])
    await blocked
  })

  it('are reported to each watcher of several processes', async () => {
    const child = await start('a')
    const watching = Array.from({ length: 4 }, () => new Child('watching', { args: ['ref'] }))
    for (const one of watching) expect(await one.next()).toEqual(['a'])
    await child.kill()
    for (const one of watching) {
      expect(await one.next()).toBe('down a')
      expect(await one.ended).toEqual({ code: 0, signal: null })
    }
  })
})

it('200 servers come at once, and half of them die at once', async () => {
  const watcher = await watchServers(PATIENTLY)
  const events = eventsOf(watcher)
  const groups = Array.from({ length: 8 }, (_, group) =>
    Array.from({ length: 25 }, (_unused, index) => `g${group}-${index}`),
  )
  const children = await Promise.all(groups.map((names) => start(...names)))
  const all = groups.flat().toSorted()
  await expect.poll(() => namesOf(watcher.servers), PATIENT).toEqual(all)
  expect(await listNames()).toEqual(all)
  expect(events).toHaveLength(200)
  await Promise.all(children.slice(0, 4).map((child) => child.kill()))
  const living = groups.slice(4).flat().toSorted()
  await expect.poll(() => namesOf(watcher.servers), PATIENT).toEqual(living)
  expect(await listNames()).toEqual(living)
  expect(events.filter((event) => event.startsWith('down'))).toHaveLength(100)
  await watcher.close()
})

it(
  `a watcher sees ${ACTIONS} random starts and ends in order, and then has exactly the living servers`,
  async () => {
    const random = randomFrom(newSeed('discovery'))
    const names = Array.from({ length: 12 }, (_, index) => `n${index}`)
    const watcher = await watchServers(PATIENTLY)
    const events = eventsOf(watcher)
    const living = new Map<string, Child>()
    const expected = new Map<string, string[]>(names.map((name) => [name, []]))
    const note = (type: string, name: string, child: Child): string => {
      const event = `${type} ${name} ${child.process.pid}`
      expected.get(name)?.push(event)
      return event
    }
    // Each name has its own series, and several run at once.
    const act = async (name: string): Promise<void> => {
      const child = living.get(name)
      if (child === undefined) {
        const started = await start(name)
        living.set(name, started)
        const event = note('up', name, started)
        await expect.poll(() => events.includes(event), PATIENT).toBe(true)
        return
      }
      living.delete(name)
      note('down', name, child)
      const how = integerFrom(random, 0, 2)
      if (how === 0) await order(child, 'close', name)
      if (how === 1) child.process.kill('SIGTERM')
      await child.kill()
    }
    let left = ACTIONS
    const series = names.map(async (name) => {
      while (left > 0) {
        left -= 1
        await act(name)
      }
    })
    await Promise.all(series)
    const seen = (name: string): string[] => events.filter((event) => event.split(' ')[1] === name)
    for (const name of names) await expect.poll(() => seen(name), PATIENT).toEqual(expected.get(name))
    const rest = [...living.keys()].toSorted()
    expect(namesOf(watcher.servers)).toEqual(rest)
    expect(await listNames()).toEqual(rest)
    await watcher.close()
  },
  ACTIONS * ACTION_MS_MAX,
)

describe('the process of a watcher', () => {
  it('stays alive, and ends with unref', async () => {
    await start('a')
    const unref = new Child('watching', { args: ['unref'] })
    expect(await unref.next()).toEqual(['a'])
    expect(await unref.ended).toEqual({ code: 0, signal: null })
    const ref = new Child('watching', { args: ['ref'] })
    expect(await ref.next()).toEqual(['a'])
    expect(ref.running).toBe(true)
  })

  it('does not keep a server with unref alive', async () => {
    const server = new Child('unref-server', { args: ['a'] })
    expect(await server.next()).toBe('listening')
    const watcher = await watchServers(PATIENTLY)
    expect(namesOf(watcher.servers)).toEqual(['a'])
    server.process.kill('SIGUSR2')
    expect(await server.ended).toEqual({ code: 0, signal: null })
    await expect.poll(() => namesOf(watcher.servers), PATIENT).toEqual([])
    await watcher.close()
  })

  it('holds nothing after close', async () => {
    const child = await start('a', 'b')
    // Resources that a process needs only once exist before the count.
    await (await watchServers(PATIENTLY)).close()
    const before = await resourcesOnceCollected()
    for (let round = 0; round < 20; round += 1) {
      const watcher = await watchServers(PATIENTLY)
      expect(namesOf(watcher.servers)).toEqual(['a', 'b'])
      await watcher.close()
      await listServers(PATIENTLY)
    }
    await expectResources(before)
    await child.kill()
  })
})

describe('two runtime directories', () => {
  it('are searched separately', async () => {
    const other = temporaryDirectory()
    await start('a')
    const child = new Child('named-servers', { args: ['a', 'b'], ipc: true, env: { SHMWIRE_DIR: other } })
    expect(await child.next()).toBe('ready')
    expect(await listNames()).toEqual(['a'])
    expect(await listNames({ ...PATIENTLY, directory: other })).toEqual(['a', 'b'])
    const [first] = await listServers({ ...PATIENTLY, directory: other })
    const channel = await connect(first?.address ?? '')
    expect(await channel.request('?')).toBe(child.process.pid)
    await channel.close()
  })
})

describe.skipIf(process.geteuid?.() !== 0)('another user', () => {
  it('sees the servers that it may connect to, and no others', async () => {
    const chosen = temporaryDirectory()
    chmodSync(chosen, 0o777)
    await start('plain')
    const accept = { authorize: () => true }
    const servers = await Promise.all([
      listen(`unix:${chosen}/accepts`, accept),
      listen(`unix:${chosen}/refuses`),
      listen(`unix:${chosen}/no-access`, accept),
    ])
    for (const name of ['accepts', 'refuses']) chmodSync(join(chosen, name), 0o666)
    chmodSync(join(chosen, 'no-access'), 0o600)
    writeFileSync(join(chosen, 'file.1'), '')
    const child = new Child('other-user-list', { args: [1000, chosen] })
    expect(await child.next()).toEqual({
      plain: 'ERR_SHMWIRE_DENIED',
      chosen: [['own-1000', 1000]],
      all: [
        ['accepts', 0],
        ['own-1000', 1000],
      ],
    })
    expect(await child.ended).toEqual({ code: 0, signal: null })
    await Promise.all(servers.map((server) => server.close()))
    expect(directory).not.toBe(chosen)
  })
})
