import { once } from 'node:events'
import { linkSync, lstatSync, lutimesSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Holding, holdName, type NameOptions } from '../../../src/control/hold-name.js'
import { ServedName } from '../../../src/control/served-name.js'
import { probe } from '../../../src/control/server-files.js'
import type { NativeBinding } from '../../../src/native/binding.js'
import { resolveOptions, type TransportChoice } from '../../../src/options.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { eventually } from '../../support/turns.js'

const STICKY = 0o1000
/** Renewals happen only when the test calls `renew`. */
const NEVER_MS = 2 ** 31 - 1

const lists = vi.hoisted(() => ({ beforeNext: [] as (() => void)[] }))

vi.mock('../../../src/control/server-files.js', async (importOriginal) => {
  const original = await importOriginal<typeof import('../../../src/control/server-files.js')>()
  const listServerFiles: typeof original.listServerFiles = (file) => {
    lists.beforeNext.shift()?.()
    return original.listServerFiles(file)
  }
  return { ...original, listServerFiles }
})

/** Errors of the next attempts to open a handover socket. */
const faults: Error[] = []

/** A handover socket is a file and an open socket. */
class SimpleHandoverSocket {
  readonly #server: Server = createServer()

  constructor(path: string) {
    const fault = faults.shift()
    if (fault !== undefined) throw fault
    // A close of this server unlinks the path at which it was bound.
    this.#server.listen(`${path}-bound`).unref()
    renameSync(`${path}-bound`, path)
  }

  close(): void {
    this.#server.close()
  }
}

const binding = { HandoverSocket: SimpleHandoverSocket, refuseDescriptors: () => {} }
const opened: { close: () => void }[] = []
const warn = vi.fn()
let directory = ''
let path = ''

beforeEach(() => {
  warn.mockClear()
  lists.beforeNext.length = 0
  faults.length = 0
  directory = join(temporaryDirectory(), 'run')
  path = join(directory, 'a.sock')
})

afterEach(() => {
  for (const one of opened.splice(0)) one.close()
})

interface Served {
  readonly name: ServedName
  readonly holding: Holding
  readonly accepted: Socket[]
}

async function serve(renewalMs = NEVER_MS, transport: TransportChoice = 'auto'): Promise<Served> {
  const options: NameOptions = {
    path,
    text: 'a',
    directory,
    settings: resolveOptions({ transport, logger: { debug: vi.fn(), warn, error: warn } }),
    native: { binding: binding as unknown as NativeBinding },
  }
  const holding = await holdName(options, {})
  const accepted: Socket[] = []
  const accept = (socket: Socket): void => {
    accepted.push(socket.on('error', () => {}))
  }
  const name = new ServedName(options, holding, accept, renewalMs)
  opened.push({
    close: () => {
      name.release()
      name.closeHandover()
      for (const socket of accepted) socket.destroy()
    },
  })
  return { name, holding, accepted }
}

async function expectReachable({ accepted }: Served): Promise<void> {
  const before = accepted.length
  const client = connect(path)
  await once(client, 'connect')
  await eventually(() => accepted.length === before + 1)
  client.destroy()
}

const FILES = ['a.sock', 'a.sock.1', 'a.sock.fd']
const files = (): string[] => readdirSync(directory).toSorted()

describe('the files of a server', () => {
  it('get new times and the sticky bit at the start and at each renewal', async () => {
    const before = Math.floor(Date.now() / 1000) * 1000
    const { name } = await serve()
    const check = (): void => {
      for (const file of FILES) {
        const { mode, atimeMs, mtimeMs } = lstatSync(join(directory, file))
        expect(mode & STICKY).toBe(process.platform === 'linux' ? STICKY : 0)
        expect(Math.min(atimeMs, mtimeMs)).toBeGreaterThanOrEqual(before)
      }
    }
    check()
    for (const file of FILES) lutimesSync(join(directory, file), 1, 1)
    await name.renew()
    check()
  })

  it.each(FILES)('are complete again after %s was removed', async (file) => {
    const served = await serve()
    unlinkSync(join(directory, file))
    await served.name.renew()
    expect(files()).toEqual(FILES)
    expect(await probe(join(directory, file))).toBe('alive')
    await expectReachable(served)
    expect(warn).toHaveBeenCalledTimes(file === 'a.sock.fd' ? 0 : 1)
  })

  it('are protected also when they cannot be restored', async () => {
    const { name } = await serve()
    unlinkSync(`${path}.1`)
    lists.beforeNext.push(() => {
      throw new Error('EMFILE')
    })
    for (const file of ['a.sock', 'a.sock.fd']) lutimesSync(join(directory, file), 1, 1)
    await name.renew()
    expect(warn.mock.calls).toMatchObject([
      [{ event: 'server.notRestored', error: 'EMFILE' }, expect.any(String)],
    ])
    for (const file of ['a.sock', 'a.sock.fd'])
      expect(lstatSync(join(directory, file)).mtimeMs).toBeGreaterThan(1000)
  })

  it.each<TransportChoice>(['auto', 'shm'])(
    'are complete again after failed attempts to open the handover socket: %s',
    async (transport) => {
      const { name } = await serve(NEVER_MS, transport)
      unlinkSync(`${path}.fd`)
      faults.push(new Error('EMFILE'), new Error('EMFILE'))
      for (let failures = 0; failures < 2; failures++) {
        await name.renew()
        expect(name.handoverSocket).toBeUndefined()
      }
      await name.renew()
      expect(files()).toEqual(FILES)
      expect(name.handoverSocket).toBeInstanceOf(SimpleHandoverSocket)
      expect(name.handoverUnavailable).toBeUndefined()
      expect(await probe(`${path}.fd`)).toBe('alive')
      // Where the socket can do without it, once.
      expect(warn).toHaveBeenCalledTimes(transport === 'auto' ? 1 : 0)
    },
  )

  it('are complete after failed attempts at the start', async () => {
    // The first protection of the files is the second attempt.
    faults.push(new Error('EMFILE'), new Error('EMFILE'))
    const { name } = await serve()
    expect(name.handoverUnavailable).toContain('EMFILE')
    await name.renew()
    expect(files()).toEqual(FILES)
    expect(name.handoverUnavailable).toBeUndefined()
  })

  it('are renewed by a timer', async () => {
    await serve(5)
    unlinkSync(path)
    await eventually(() => files().length === 3)
  })

  it.each(['all files', 'the directory'])('are new after the removal of %s', async (what) => {
    const served = await serve()
    const { netServer } = served.holding
    if (what === 'the directory') rmSync(directory, { recursive: true })
    else for (const file of files()) unlinkSync(join(directory, file))
    await served.name.renew()
    expect(files()).toEqual(FILES)
    await expectReachable(served)
    expect(netServer.listening).toBe(false)
    expect(warn.mock.calls).toMatchObject([
      [{ event: 'server.addressHeldAgain', address: 'a' }, expect.any(String)],
    ])
    served.name.release()
    served.name.closeHandover()
    expect(files()).toEqual([])
  })

  it('stay away when the server is released while it acquires the address again', async () => {
    const { name } = await serve()
    for (const file of files()) unlinkSync(join(directory, file))
    const renewed = name.renew()
    name.release()
    name.closeHandover()
    await renewed
    expect(files()).toEqual([])
    expect(warn).not.toHaveBeenCalled()
  })
})

describe('another server', () => {
  it('keeps an address whose files it found removed, and the first one reports that once', async () => {
    const first = await serve()
    for (const file of files()) unlinkSync(join(directory, file))
    const second = await serve()
    await first.name.renew()
    await first.name.renew()
    expect(warn.mock.calls).toMatchObject([
      [{ event: 'server.addressLost', address: 'a' }, expect.any(String)],
    ])
    await expectReachable(second)
    expect(first.accepted).toEqual([])
    expect(first.holding.netServer.listening).toBe(true)
    first.name.release()
    first.name.closeHandover()
    expect(files()).toEqual(FILES)
    await expectReachable(second)
  })

  it('is reported and left alone if it is a program that took the place of the published socket', async () => {
    const { name } = await serve()
    const other = createServer()
    opened.push(other)
    other.listen(join(directory, 'other'))
    await once(other, 'listening')
    renameSync(join(directory, 'other'), path)
    const { ino } = lstatSync(path)
    await name.renew()
    await name.renew()
    expect(lstatSync(path).ino).toBe(ino)
    expect(warn.mock.calls).toMatchObject([[{ event: 'server.hidden', path }, expect.any(String)]])
  })

  it.each(['before', 'after'])(
    'that has linked a lease %s the lease is restored keeps this one from restoring it',
    async (when) => {
      const served = await serve()
      unlinkSync(`${path}.1`)
      const rival = createServer()
      opened.push(rival)
      rival.listen(join(directory, 'rival'))
      await once(rival, 'listening')
      const contest = (): void => linkSync(join(directory, 'rival'), `${path}.2`)
      if (when === 'before') contest()
      else lists.beforeNext.push(() => {}, contest)
      await served.name.renew()
      expect(files()).toEqual(['a.sock', 'a.sock.2', 'a.sock.fd', 'rival'])
      unlinkSync(`${path}.2`)
      await served.name.renew()
      expect(files()).toEqual([...FILES, 'rival'])
      await expectReachable(served)
    },
  )
})
