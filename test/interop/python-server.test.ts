import { once } from 'node:events'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Server } from '../../dist/index.js'
import { ensureBuilt } from '../support/build.js'
import { type Program, python, start } from '../support/python-programs.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { waitFor } from '../support/wait-for.js'

const OPTIONS = { codec: 'bytes', timeoutMs: 20_000 } as const

let shmwire: typeof import('../../dist/index.js')
beforeAll(async () => {
  ensureBuilt()
  shmwire = await import('../../dist/index.js')
})

let server: Server | undefined
beforeEach(() => void ownRuntimeDirectory())
afterEach(async () => {
  await server?.close()
  server = undefined
})

async function startServer(): Promise<Program> {
  const program = start(python as string, 'python-server.py', 'python')
  await waitFor(() => expect([program.stderr(), ...program.lines]).toEqual(['', 'ready']))
  return program
}

async function kill({ process: child }: Program): Promise<void> {
  child.kill('SIGKILL')
  await once(child, 'exit')
}

describe.skipIf(python === undefined)('a server in Python', () => {
  it('offers the socket, and exchanges messages and requests in both directions', async () => {
    const program = await startServer()
    for (let round = 1; round <= 2; round++) {
      const channel = await shmwire.connect('python', OPTIONS)
      expect(channel.transport).toBe('unix')
      expect(channel.fallbackReason).toBe('this server has no shared memory')
      channel.handle((request) => Buffer.concat([Buffer.from('answer to '), request]))
      expect(String(await channel.request(Buffer.from('ask')))).toBe('answer to what?')
      const returned: number[] = []
      channel.on('message', (message: Buffer) => returned.push(message.length))
      const sizes = [0, 1, 100, 100_000, 3_000_000]
      for (const size of sizes) await channel.send(Buffer.alloc(size))
      await waitFor(() => expect(returned).toEqual(sizes))
      await channel.close()
      await waitFor(() => expect(program.lines).toEqual(['ready', ...Array(round).fill('closed')]))
    }
  })

  it('rejects another codec, and a client that requires shared memory', async () => {
    await startServer()
    for (const options of [{ codec: 'json' }, { codec: 'bytes', transport: 'shm' }] as const)
      await expect(shmwire.connect('python', { ...OPTIONS, ...options })).rejects.toMatchObject({
        code: 'ERR_SHMWIRE_INVALID_ARGUMENT',
        message: expect.stringContaining('it has bytes over the socket'),
      })
  })

  it('holds its name as long as it lives', async () => {
    const first = await startServer()
    await expect(shmwire.listen('python', { codec: 'bytes' })).rejects.toMatchObject({
      code: 'ERR_SHMWIRE_NAME_IN_USE',
    })
    await kill(first)
    const second = await startServer()
    await kill(second)
    server = await shmwire.listen('python', { codec: 'bytes' })
    const third = start(python as string, 'python-server.py', 'python')
    expect(await once(third.process, 'close')).toEqual([1, null])
    expect(third.stderr()).toBe('the address is in use\n')
  })

  it('ends its channels with PEER_GONE when it is killed', async () => {
    const program = await startServer()
    const channel = await shmwire.connect('python', OPTIONS)
    channel.on('error', () => {})
    const ended = new Promise((resolve) => channel.on('close', resolve))
    await kill(program)
    expect(await ended).toMatchObject({ code: 'ERR_SHMWIRE_PEER_GONE' })
  })
})
