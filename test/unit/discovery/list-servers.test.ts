import { chmodSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type ErrorCode as Code,
  ErrorCode,
  listen,
  listServers,
  type Server,
  watchServers,
} from '../../../src/index.js'
import { announce } from '../../../src/listen.js'
import { fakeServer } from '../../support/fake-server.js'
import { recordingLogger } from '../../support/line-logger.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../../support/temporary-directory.js'

let directory = ''
const servers: Server[] = []
beforeEach(() => {
  directory = ownRuntimeDirectory()
})
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function serve(address: string, options = {}): Promise<Server> {
  const server = await listen(address, options)
  servers.push(server)
  return server
}

const names = async (options = {}): Promise<string[]> => (await listServers(options)).map(({ name }) => name)

describe('a list of servers', () => {
  it('has each server with its process, its start and its services, in the order of the names', async () => {
    const before = Date.now()
    const services = [{ name: 'user.UserService', hash: 'abc' }]
    announce(await serve('b'), { services })
    await serve('a.b')
    await serve('a')
    const list = await listServers()
    expect(list.map(({ name, address, kind }) => [name, address, kind])).toEqual([
      ['a', 'a', 'channel'],
      ['a.b', 'a.b', 'channel'],
      ['b', 'b', 'service'],
    ])
    expect(list.map((one) => one.services)).toEqual([[], [], services])
    for (const { pid, uid, startedAt } of list) {
      expect([pid, uid]).toEqual([process.pid, process.geteuid?.()])
      expect(Math.abs(startedAt.getTime() - before)).toBeLessThan(600_000)
    }
  })

  it('follows what a server announces', async () => {
    const server = await serve('a')
    announce(server, { services: [{ name: 's', hash: undefined }] })
    expect((await listServers())[0]).toMatchObject({
      kind: 'service',
      services: [{ name: 's', hash: undefined }],
    })
    announce(server, { services: [] })
    expect((await listServers())[0]).toMatchObject({ kind: 'channel', services: [] })
  })

  it('lacks a server from the moment in which it closes', async () => {
    const server = await serve('a')
    expect(await names()).toEqual(['a'])
    const closed = server.close()
    expect(await names()).toEqual([])
    await closed
  })

  it('is empty without a directory, also without its parent', async () => {
    ownRuntimeDirectory(join(directory, 'missing'))
    expect(await names()).toEqual([])
    ownRuntimeDirectory(join(directory, 'missing', 'run'))
    expect(await names()).toEqual([])
    expect(await names({ directory: join(directory, 'missing') })).toEqual([])
  })

  it('lacks files of every other type', async () => {
    await serve('a')
    for (const file of [
      'file.sock',
      'file.sock.1',
      'lone.sock',
      'lone.1',
      '-x.sock',
      '-x.sock.1',
      '.1',
      '.sock.1',
    ])
      writeFileSync(join(directory, file), '')
    for (const file of ['folder.sock', 'folder.sock.1']) mkdirSync(join(directory, file))
    symlinkSync('nowhere', join(directory, 'link.sock'))
    symlinkSync('nowhere', join(directory, 'link.sock.1'))
    const { path } = await fakeServer(directory, 'not a name', () => {})
    linkSync(path, join(directory, 'no-lease.sock'))
    expect(await names()).toEqual(['a'])
  })

  it('has the servers of a chosen directory, with the addresses to connect to', async () => {
    const other = temporaryDirectory()
    await serve('a')
    await serve(`unix:${other}/é ü`)
    await serve(`unix:${other}/b.sock`)
    expect(await names()).toEqual(['a'])
    const list = await listServers({ directory: `${other}/` })
    expect(list.map(({ name, address }) => [name, address])).toEqual([
      ['b', `unix:${other}/b.sock`],
      ['é ü', `unix:${other}/é ü`],
    ])
    expect((await listServers({ directory })).map(({ address }) => address)).toEqual([
      `unix:${directory}/a.sock`,
    ])
  })

  it('lacks sockets whose path is too long for a server', async () => {
    const long = join(temporaryDirectory(), 'd'.repeat(120))
    mkdirSync(long)
    for (const file of ['a', 'a.1']) writeFileSync(join(long, file), '')
    expect(await names({ directory: long })).toEqual([])
    const watcher = await watchServers({ directory: long })
    expect(watcher.servers).toEqual([])
    await watcher.close()
  })

  it('has the servers that accept this process, and that it accepts', async () => {
    await serve('closed', { authorize: () => false })
    await serve('open', { authorize: () => true })
    const { logger, lines } = recordingLogger()
    expect(await names({ logger })).toEqual(['open'])
    expect(lines).toMatchObject([
      {
        level: 'debug',
        fields: {
          event: 'server.notListed',
          path: expect.stringMatching(/closed\.sock$/) as string,
          error: expect.stringContaining('the peer refused') as string,
        },
      },
    ])
    expect(await names({ authorize: () => false })).toEqual([])
  })
})

describe('a directory that cannot be listed', () => {
  it.each<[string, Code, () => void]>([
    [
      'is a symbolic link',
      ErrorCode.DENIED,
      () => {
        symlinkSync(directory, `${directory}/link`)
        ownRuntimeDirectory(`${directory}/link`)
      },
    ],
    [
      'is a file',
      ErrorCode.DENIED,
      () => {
        writeFileSync(`${directory}/file`, '')
        ownRuntimeDirectory(`${directory}/file`)
      },
    ],
    ['is writable by others', ErrorCode.DENIED, () => chmodSync(directory, 0o777)],
    ['is not absolute', ErrorCode.INVALID_ARGUMENT, () => ownRuntimeDirectory('run')],
  ])('%s: %s', async (_what, code, change) => {
    change()
    await expect(listServers()).rejects.toMatchObject({ code })
  })

  it('is a file, by the option', async () => {
    writeFileSync(`${directory}/file`, '')
    await expect(listServers({ directory: `${directory}/file` })).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
    })
  })

  it('follows a symbolic link that the user names', async () => {
    await serve('a')
    symlinkSync(directory, `${directory}/link`)
    expect(await names({ directory: `${directory}/link` })).toEqual(['a'])
  })
})

it.each<[string, object]>([
  ['directory', { directory: 'run' }],
  ['directory', { directory: '/a\0b' }],
  ['directory', { directory: 1 }],
  ['answerTimeoutMs', { answerTimeoutMs: 0 }],
  ['answerTimeoutMs', { answerTimeoutMs: 60_001 }],
  ['answerTimeoutMs', { answerTimeoutMs: '5' }],
  ['authorize', { authorize: true }],
  ['logger', { logger: {} }],
  ['timeoutMs', { timeoutMs: -1 }],
  ['did you mean "directory"', { directry: '/run' }],
])('is INVALID_ARGUMENT for %s: %j', async (text, options) => {
  await expect(listServers(options)).rejects.toMatchObject({
    code: ErrorCode.INVALID_ARGUMENT,
    message: expect.stringContaining(text) as string,
  })
})
