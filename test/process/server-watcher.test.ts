import { chmodSync, renameSync, rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import {
  type DiscoveryOptions,
  ErrorCode,
  listen,
  type Server,
  type ServerChange,
  type ServerInfo,
  type ServerWatcher,
  watchServers,
} from '../../src/index.js'
import { announce } from '../../src/listen.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble } from '../../src/wire/preamble.js'
import { fakeServer } from '../support/fake-server.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'
import { collectUncaught } from '../support/uncaught.js'

let directory = ''
let watcher: ServerWatcher
/** The events, as `up a`. */
let events: string[] = []
const servers: Server[] = []

beforeEach(() => {
  directory = ownRuntimeDirectory()
  events = []
})
afterEach(async () => {
  await watcher?.close()
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function serve(address: string): Promise<Server> {
  const server = await listen(address)
  servers.push(server)
  return server
}

async function watch(options: DiscoveryOptions = {}): Promise<void> {
  watcher = await watchServers({ answerTimeoutMs: 20_000, ...options })
  for (const type of ['up', 'change', 'down'] as const)
    watcher.on(type, ({ name }: ServerInfo) => events.push(`${type} ${name}`))
}

const names = (): string[] => watcher.servers.map(({ name }) => name).toSorted()

async function expectEvents(...expected: string[]): Promise<void> {
  await expect.poll(() => events, { timeout: 20_000 }).toEqual(expected)
  events.length = 0
}

/** A server that describes itself as one with this id. */
async function fakeWithId(name: string, id: string, serveLater: (socket: Socket) => void = () => {}) {
  const message = { id: id.repeat(32), pid: 1, startedAtMs: 5, services: [] }
  return fakeServer(directory, name, (socket) => {
    socket.write(Buffer.concat([encodePreamble(), encodeControlFrame(FrameKind.DESCRIPTION, message)]))
    socket.resume()
    serveLater(socket)
  })
}

describe('a watcher', () => {
  it('has the present servers at once, and reports those that come, change and go', async () => {
    const first = await serve('a')
    await watch()
    expect(names()).toEqual(['a'])
    const second = await serve('b')
    await expectEvents('up b')
    announce(second, { services: [{ name: 's', hash: undefined }] })
    await expectEvents('change b')
    expect(watcher.servers.find(({ name }) => name === 'b')).toMatchObject({ kind: 'service' })
    await first.close()
    await expectEvents('down a')
    expect(names()).toEqual(['b'])
  })

  it('reports nothing when a server announces the same again', async () => {
    const server = await serve('a')
    await watch()
    announce(server, { services: [] })
    await serve('b')
    await expectEvents('up b')
  })

  it('reports a restarted server as down and up, also when it restarts at once', async () => {
    await watch()
    for (let round = 0; round < 20; round += 1) {
      const server = await listen('a')
      await expectEvents('up a')
      void server.close()
      const next = await serve('a')
      await expectEvents('down a', 'up a')
      await next.close()
      await expectEvents('down a')
    }
  })

  it('works in a loop, which begins with the present servers', async () => {
    await serve('a')
    await watch()
    const seen: string[] = []
    const loop = (async () => {
      for await (const { type, server } of watcher) seen.push(`${type} ${server.name}`)
    })()
    const second = await serve('b')
    await expect.poll(() => seen).toEqual(['up a', 'up b'])
    await second.close()
    await expect.poll(() => seen).toEqual(['up a', 'up b', 'down b'])
    await watcher.close()
    await loop
    expect(seen).toHaveLength(3)
  })

  it('ends with one close event and no down, and is quiet afterwards', async () => {
    await serve('a')
    await watch()
    const closed = vi.fn()
    watcher.on('close', closed)
    await Promise.all([watcher.close(), watcher.close()])
    await serve('b')
    await watcher.close()
    const late = await new Promise((resolve) => watcher.once('close', resolve))
    expect(late).toBeUndefined()
    expect(closed.mock.calls).toEqual([[undefined]])
    expect(events).toEqual([])
  })

  it('continues after a listener that throws', async () => {
    await watch()
    watcher.prependListener('up', () => {
      throw new RangeError('of the user')
    })
    const thrown = await collectUncaught(async () => {
      await serve('a')
      await expect.poll(() => names()).toEqual(['a'])
      await serve('b')
      await expect.poll(() => names()).toEqual(['a', 'b'])
    })
    expect(thrown.map(String)).toEqual(['RangeError: of the user', 'RangeError: of the user'])
  })

  it('closes at the end of an `await using` block', async () => {
    const closed = vi.fn()
    await watch()
    watcher.on('close', closed)
    await watcher[Symbol.asyncDispose]()
    expect(closed).toHaveBeenCalledTimes(1)
  })

  it('watches a chosen directory', async () => {
    const other = temporaryDirectory()
    await watch({ directory: other })
    await serve('a')
    await serve(`unix:${other}/b`)
    await expectEvents('up b')
    expect(watcher.servers[0]?.address).toBe(`unix:${other}/b`)
  })
})

describe('the directory of a watcher', () => {
  it('can appear later, disappear and appear again', async () => {
    const late = ownRuntimeDirectory(join(directory, 'late'))
    await watch()
    expect(names()).toEqual([])
    for (let round = 0; round < 3; round += 1) {
      const server = await serve('a')
      await expectEvents('up a')
      rmSync(late, { recursive: true })
      await expectEvents('down a')
      await server.close()
    }
  })

  it('can be replaced by another one, with other servers under the same names', async () => {
    const run = ownRuntimeDirectory(join(directory, 'run'))
    const first = await serve('a')
    await watch()
    renameSync(run, join(directory, 'old'))
    await serve('a')
    await expectEvents('down a', 'up a')
    await first.close()
    await serve('b')
    await expectEvents('up b')
  })

  it('ends the watcher and its loops with DENIED when others may write to it', async () => {
    await watch()
    const loop = watcher[Symbol.asyncIterator]()
    const next = loop.next()
    const closed = new Promise((resolve) => watcher.once('close', resolve))
    chmodSync(directory, 0o777)
    expect(await closed).toMatchObject({ code: ErrorCode.DENIED })
    await expect(next).rejects.toMatchObject({ code: ErrorCode.DENIED })
    await watcher.close()
  })

  it.each<[string, string, () => void]>([
    ['others may write to it', ErrorCode.DENIED, () => chmodSync(directory, 0o777)],
    [
      'its parent does not exist',
      ErrorCode.INVALID_ARGUMENT,
      () => ownRuntimeDirectory(join(directory, 'missing', 'run')),
    ],
  ])('refuses the watcher when %s: %s', async (_what, code, change) => {
    change()
    await expect(watchServers()).rejects.toMatchObject({ code })
  })
})

describe('a server that ends without a close', () => {
  it('is down, its files do not count, and its successor is up', async () => {
    await watch()
    const fake = await fakeWithId('a', 'a')
    await expectEvents('up a')
    fake.kill()
    await expectEvents('down a')
    await serve('a')
    await expectEvents('up a')
  })

  it('does not count from the start', async () => {
    const fake = await fakeWithId('a', 'a')
    fake.kill()
    await watch()
    expect(names()).toEqual([])
    await serve('a')
    await expectEvents('up a')
  })
})

it('has the latest description when two arrive together', async () => {
  const described = (name: string): Buffer => {
    const message = { id: 'a'.repeat(32), pid: 1, startedAtMs: 5, services: [{ name }] }
    return encodeControlFrame(FrameKind.DESCRIPTION, message)
  }
  await fakeServer(directory, 'a', (socket) => {
    socket.resume()
    socket.write(Buffer.concat([encodePreamble(), described('first'), described('second')]))
  })
  await watch()
  const latest = (): unknown => watcher.servers[0]?.services[0]?.name
  await expect.poll(latest, { timeout: 20_000 }).toBe('second')
})

describe('a server that only ends the connection', () => {
  it('stays up if it answers again with the same id', async () => {
    let sockets: Socket[] = []
    const fake = await fakeWithId('a', 'a', (socket) => sockets.push(socket))
    await watch()
    for (const socket of sockets.splice(0)) socket.destroy()
    // Checks, and then another description.
    await expect.poll(() => fake.accepted, { timeout: 20_000 }).toBeGreaterThan(3)
    await expect.poll(() => sockets.some((socket) => !socket.destroyed), { timeout: 20_000 }).toBe(true)
    sockets = []
    await serve('b')
    await expectEvents('up b')
    expect(names()).toEqual(['a', 'b'])
  })

  it('is down if it does not answer any more', async () => {
    let answers = true
    const message = { id: 'a'.repeat(32), pid: 1, startedAtMs: 5, services: [] }
    const sockets: Socket[] = []
    await fakeServer(directory, 'a', (socket) => {
      socket.resume()
      if (!answers) return
      sockets.push(socket)
      socket.write(Buffer.concat([encodePreamble(), encodeControlFrame(FrameKind.DESCRIPTION, message)]))
    })
    await watch({ answerTimeoutMs: 500 })
    await expect.poll(names, { timeout: 20_000 }).toEqual(['a'])
    events.length = 0
    answers = false
    for (const socket of sockets) socket.destroy()
    await expectEvents('down a')
    answers = true
    await expectEvents('up a')
  })
})

it('more watchers than a server holds all get its changes, without a down', async () => {
  const server = await serve('a')
  const watchers = await Promise.all(
    Array.from({ length: 40 }, () => watchServers({ answerTimeoutMs: 10_000 })),
  )
  const downs = vi.fn()
  for (const one of watchers) one.on('down', downs)
  announce(server, { services: [{ name: 's', hash: undefined }] })
  const informed = (): number => watchers.filter(({ servers: [info] }) => info?.kind === 'service').length
  await expect.poll(informed, { timeout: 25_000 }).toBe(40)
  expect(downs).not.toHaveBeenCalled()
  await Promise.all(watchers.map((one) => one.close()))
})

describe('the start of a watcher', () => {
  it('ends with TIMEOUT and ABORTED, and leaves nothing open', async () => {
    const sockets = new Set<Socket>()
    await fakeServer(directory, 'silent', (socket) => {
      sockets.add(socket)
      socket.resume().once('close', () => sockets.delete(socket))
    })
    const options = { answerTimeoutMs: 60_000 }
    await expect(watchServers({ ...options, timeoutMs: 50 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    const aborting = new AbortController()
    const aborted = watchServers({ ...options, signal: aborting.signal })
    await expect.poll(() => sockets.size).toBe(1)
    aborting.abort()
    await expect(aborted).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    await expect.poll(() => sockets.size).toBe(0)
    expect(process.getActiveResourcesInfo()).not.toContain('FSEventWrap')
  })

  it('is INVALID_ARGUMENT for an unknown option', async () => {
    const options = { direktory: directory } as object
    await expect(watchServers(options)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
  })
})

it('a slow loop holds one entry for each server', async () => {
  await watch()
  const loop = watcher[Symbol.asyncIterator]()
  const first = loop.next()
  await serve('first')
  expect((await first).value).toMatchObject({ type: 'up' })
  for (let round = 0; round < 5; round += 1) {
    const server = await listen('a')
    await expectSeen('up a')
    await server.close()
    await expectSeen('down a')
  }
  await serve('last')
  await expectSeen('up last')
  expect(((await loop.next()).value as ServerChange).server.name).toBe('last')
})

async function expectSeen(event: string): Promise<void> {
  await expect.poll(() => events.includes(event), { timeout: 20_000 }).toBe(true)
  events.length = 0
}
