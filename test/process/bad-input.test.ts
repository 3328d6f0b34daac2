import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ChannelOptions, connect, ErrorCode, type ListenOptions, listen } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { pipeNamesAreExclusive } from '../support/pipe-names.js'
import { ownRuntimeDirectory, temporaryDirectory } from '../support/temporary-directory.js'

const NOBODY = 65_534
const isRoot = process.getuid?.() === 0
if (!isRoot) console.log('skipped: run the tests as root: only root can become another user')

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory(join(temporaryDirectory(), 'run'))
})

describe('invalid options', () => {
  const wrong: [string, unknown][] = [
    ['codec', 'yaml'],
    ['codec', 7],
    ['codec', { name: '', encode() {}, decode() {} }],
    ['codec', { name: 'half', encode() {} }],
    ['ringBytes', 65_535],
    ['ringBytes', 32_768],
    ['ringBytes', 2 ** 31],
    ['ringBytes', 100_000],
    ['ringBytes', 65_536.5],
    ['ringBytes', '65536'],
    ['maxMessageBytes', 0],
    ['maxMessageBytes', 2 ** 30 + 1],
    ['maxMessageBytes', Number.NaN],
    ['wait', 'forever'],
    ['spinMicros', -1],
    ['spinMicros', 1_000_001],
    ['transport', 'tcp'],
    ['transport', null],
    ['authorize', true],
    ['logger', { debug() {} }],
    ['signal', {}],
    ['timeoutMs', -1],
    ['timeoutMs', 2 ** 31],
    ['timeoutMs', '5'],
    ['rinGBytes', 65_536],
  ]

  it.each(['later', null, true])('rejects whenInUse: %j in a server', async (whenInUse) => {
    await expect(listen('wrong', { whenInUse } as ListenOptions)).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringMatching(/^whenInUse is .*; it must be one of fail, wait$/) as string,
    })
  })

  it('rejects whenInUse in a client', async () => {
    await expect(connect('wrong', { whenInUse: 'wait' } as ChannelOptions)).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: '"whenInUse" is an option of listen only',
    })
  })

  it.each(wrong)(
    'rejects %s: %j with INVALID_ARGUMENT and its name, in server and client',
    async (name, value) => {
      const options = { [name]: value } as ChannelOptions
      for (const call of [() => listen('wrong', options), () => connect('wrong', options)]) {
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        expect(error).toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
        expect((error as Error).message).toContain(name)
      }
    },
  )
})

describe('unusable addresses', () => {
  it.each([
    '',
    ' ',
    'a/b',
    '../up',
    '.hidden',
    '-dash',
    'n'.repeat(300),
    'null\0byte',
    'ünïcode',
    'unix:relative.sock',
    'unix:',
    'unix:/a/directory/',
    `unix:/tmp/${'long/'.repeat(60)}s`,
    'unix:/tmp/s.1',
    'unix:/tmp/s.fd',
    'tcp://127.0.0.1:70',
    'http://localhost',
    7,
    null,
    undefined,
    {},
  ])('rejects %j with INVALID_ARGUMENT', async (address) => {
    for (const call of [listen, connect]) {
      await expect(call(address as string)).rejects.toMatchObject({ code: ErrorCode.INVALID_ARGUMENT })
    }
  })

  it('rejects an address without a server with NOT_LISTENING, with and without the directory', async () => {
    await expect(connect('nobody')).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    mkdirSync(directory, { mode: 0o700 })
    await expect(connect('nobody')).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
  })

  // On Windows, a name is that of a pipe, not of a file.
  it.skipIf(IS_WINDOWS)('refuses an address that is a plain file and keeps the file', async () => {
    mkdirSync(directory, { mode: 0o700 })
    writeFileSync(join(directory, 'taken.sock'), 'mine')
    await expect(listen('taken')).rejects.toMatchObject({
      code: expect.stringMatching(/INVALID_ARGUMENT|DENIED/) as string,
    })
    await expect(connect('taken')).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
  })

  it('rejects a link to itself and a socket of another type with NOT_LISTENING', async () => {
    const server = await listen('taken')
    symlinkSync('turns.sock', join(directory, 'turns.sock'))
    const others = ['turns']
    // The handover socket is a datagram socket.
    if (existsSync(join(directory, 'taken.sock.fd'))) {
      symlinkSync('taken.sock.fd', join(directory, 'other.sock'))
      others.push('other')
    }
    for (const name of others)
      await expect(connect(name)).rejects.toMatchObject({ code: ErrorCode.NOT_LISTENING })
    await server.close()
  })

  it('rejects the address of a live server with NAME_IN_USE', async ({ skip }) => {
    skip(!(await pipeNamesAreExclusive()), 'wine gives the name of a pipe to several servers')
    const server = await listen('mine')
    await expect(listen('mine')).rejects.toMatchObject({ code: ErrorCode.NAME_IN_USE })
    await server.close()
  })
})

// On Windows, servers have no directory.
describe.skipIf(IS_WINDOWS)('server and client', () => {
  interface Outcome {
    readonly connected: { readonly code: string; readonly message: string }
  }
  const denied = { code: ErrorCode.DENIED }

  it('refuse a directory that other users can write to', async () => {
    mkdirSync(directory)
    chmodSync(directory, 0o777)
    await expect(listen('name')).rejects.toMatchObject(denied)
    await expect(connect('name')).rejects.toMatchObject(denied)
  })

  it('refuse a directory that is a symbolic link', async () => {
    mkdirSync(`${directory}-real`, { mode: 0o700 })
    symlinkSync(`${directory}-real`, directory)
    await expect(listen('name')).rejects.toMatchObject(denied)
    await expect(connect('name')).rejects.toMatchObject(denied)
  })

  it('refuse a directory that is a file', async () => {
    writeFileSync(directory, '')
    await expect(listen('name')).rejects.toMatchObject(denied)
    await expect(connect('name')).rejects.toMatchObject(denied)
  })

  it.skipIf(!isRoot)('fail with DENIED in a directory of another user, by name and by path', async () => {
    const server = await listen('roots')
    chmodSync(join(directory, '..'), 0o755)
    for (const address of ['roots', `unix:${directory}/roots.sock`]) {
      const child = new Child('other-user', {
        args: [String(NOBODY), address, address],
        env: { SHMWIRE_DIR: directory },
      })
      const outcome = await child.next<Outcome>()
      expect(outcome).toMatchObject({ listened: denied, connected: denied })
    }
    await server.close()
  })

  it.skipIf(!isRoot)(
    'refuse another user who can reach the socket, unless authorize accepts the user',
    async () => {
      const open = join(directory, '..', 'open')
      chmodSync(join(directory, '..'), 0o755)
      mkdirSync(open)
      chmodSync(open, 0o755)
      for (const authorize of [undefined, () => true]) {
        const address = `unix:${open}/s`
        const server = await listen(address, { authorize })
        server.on('channel', () => {})
        for (const file of ['s', 's.fd']) chmodSync(join(open, file), 0o666)
        const child = new Child('other-user', {
          args: [String(NOBODY), 'x', address],
          env: { SHMWIRE_DIR: directory },
        })
        // The client in turn refuses a server of another user.
        const outcome = await child.next<Outcome>()
        expect(outcome.connected).toMatchObject(denied)
        expect(outcome.connected.message.startsWith('the peer refused')).toBe(authorize === undefined)
        await server.close()
      }
    },
  )
})
