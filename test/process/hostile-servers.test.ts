import { linkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type DiscoveryOptions,
  ErrorCode,
  listen,
  listServers,
  type Server,
  type ServerInfo,
  type ServerWatcher,
  watchServers,
} from '../../src/index.js'
import { encodeControlFrame, FrameKind } from '../../src/wire/frames.js'
import { encodePreamble } from '../../src/wire/preamble.js'
import { fakeServer } from '../support/fake-server.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

let directory = ''
const servers: Server[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
  events.length = 0
})
afterEach(async () => {
  await watcher?.close()
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

let watcher: ServerWatcher
/** The events, as `up a`. */
const events: string[] = []

async function watch(options: DiscoveryOptions = {}): Promise<void> {
  watcher = await watchServers({ answerTimeoutMs: 20_000, ...options })
  for (const type of ['up', 'change', 'down'] as const)
    watcher.on(type, ({ name }: ServerInfo) => events.push(`${type} ${name}`))
}

async function expectEvents(...expected: string[]): Promise<void> {
  await expect.poll(() => events, { timeout: 20_000 }).toEqual(expected)
  events.length = 0
}

async function serve(address: string): Promise<void> {
  servers.push(await listen(address))
}

const listNames = async (options: DiscoveryOptions): Promise<string[]> =>
  (await listServers(options)).map(({ name }) => name)

describe('a list of hostile servers', () => {
  it('lacks those that are silent or send garbage, and has the others', async () => {
    await fakeServer(directory, 'silent', (socket) => socket.resume())
    await fakeServer(directory, 'garbage', (socket) => socket.end('garbage and more'))
    await fakeServer(directory, 'endless', (socket) => {
      const more = (): void => {
        while (socket.write(Buffer.alloc(65_536))) if (socket.destroyed) return
      }
      socket.on('drain', more)
      more()
    })
    await fakeServer(directory, 'closing', (socket) => socket.destroy())
    await serve('a')
    expect(await listNames({ answerTimeoutMs: 2_000 })).toEqual(['a'])
  })

  it('asks a limited number of them at once', async () => {
    let open = 0
    let most = 0
    const { path } = await fakeServer(directory, 'many', (socket) => {
      open += 1
      most = Math.max(most, open)
      socket.resume().once('close', () => {
        open -= 1
      })
    })
    for (let index = 0; index < 500; index += 1)
      for (const suffix of ['', '.1']) linkSync(path, join(directory, `${index}.sock${suffix}`))
    await serve('zz')
    expect(await listNames({ answerTimeoutMs: 1_000 })).toEqual(['zz'])
    expect(most).toBeGreaterThan(1)
    // Connections that were given up can still be open.
    expect(most).toBeLessThanOrEqual(2 * 128)
  })

  it('ends with TIMEOUT and ABORTED, and then asks no more', async () => {
    const fake = await fakeServer(directory, 'silent', (socket) => socket.resume())
    for (let index = 0; index < 300; index += 1)
      for (const suffix of ['', '.1']) linkSync(fake.path, join(directory, `${index}.sock${suffix}`))
    await expect(listServers({ timeoutMs: 50, answerTimeoutMs: 60_000 })).rejects.toMatchObject({
      code: ErrorCode.TIMEOUT,
    })
    const aborting = new AbortController()
    const aborted = listServers({ signal: aborting.signal, answerTimeoutMs: 60_000 })
    const before = fake.accepted
    await expect.poll(() => fake.accepted).toBeGreaterThan(before)
    aborting.abort()
    await expect(aborted).rejects.toMatchObject({ code: ErrorCode.ABORTED })
    expect(fake.accepted).toBeLessThanOrEqual(2 * 128)
    await expect(listServers({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: ErrorCode.ABORTED,
    })
  })
})

describe('a watcher of hostile servers', () => {
  it('is not delayed by those that are silent, send garbage or close', async () => {
    await fakeServer(directory, 'silent', (socket) => socket.resume())
    await fakeServer(directory, 'garbage', (socket) => socket.end('garbage and more'))
    await fakeServer(directory, 'closing', (socket) => socket.destroy())
    await serve('a')
    await watch({ answerTimeoutMs: 100 })
    await expect.poll(() => watcher.servers.map(({ name }) => name), { timeout: 20_000 }).toEqual(['a'])
    events.length = 0
    await serve('b')
    await expectEvents('up b')
  })

  it('asks them less and less often', async () => {
    const fake = await fakeServer(directory, 'closing', (socket) => socket.destroy())
    await watch()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(fake.accepted).toBeGreaterThan(2)
    // 10, 20, 40 … ms: the eighth attempt comes after more than a second.
    expect(fake.accepted).toBeLessThan(10)
  })

  it('finds the others among many names', async () => {
    const { path } = await fakeServer(directory, 'many', (socket) => socket.destroy())
    const file = (index: number, suffix: string): string => join(directory, `${index}.sock${suffix}`)
    for (let index = 0; index < 1_000; index += 1)
      for (const suffix of ['', '.1']) linkSync(path, file(index, suffix))
    await watch()
    await serve('a')
    await expectEvents('up a')
    for (let index = 0; index < 1_000; index += 1)
      for (const suffix of ['', '.1']) unlinkSync(file(index, suffix))
    await serve('b')
    await expectEvents('up b')
  })

  it('emits few events of one that changes all the time', async () => {
    let number = 0
    const description = (): Buffer => {
      number += 1
      const services = [{ name: String(number) }]
      return encodeControlFrame(FrameKind.DESCRIPTION, {
        id: 'a'.repeat(32),
        pid: 1,
        startedAtMs: 5,
        services,
      })
    }
    await fakeServer(directory, 'a', (socket) => {
      socket.resume()
      socket.write(Buffer.concat([encodePreamble(), description()]))
      const flood = (): void => {
        while (!socket.destroyed && socket.writableLength < 100_000) socket.write(description())
      }
      socket.on('drain', flood)
      flood()
    })
    await watch()
    await expect.poll(() => events.length, { timeout: 30_000 }).toBeGreaterThan(3)
    expect(events.length).toBeLessThan(number / 10)
  })
})
