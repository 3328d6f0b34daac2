import { once } from 'node:events'
import { existsSync, linkSync, lstatSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { HeldLease } from '../../../src/control/held-lease.js'
import { acquireNameLease, type NameLeaseOptions } from '../../../src/control/name-lease.js'
import { probe } from '../../../src/control/server-files.js'
import { ErrorCode } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

const leases: HeldLease[] = []
const servers: Server[] = []

afterEach(() => {
  for (const won of leases.splice(0)) won.release()
  for (const server of servers.splice(0)) server.close()
})

async function acquire(path: string, options?: NameLeaseOptions): Promise<HeldLease> {
  const server = createServer()
  servers.push(server)
  const won = await acquireNameLease(path, server, options)
  leases.push(won)
  return won
}

function outcomeOf(path: string): Promise<string> {
  return acquire(path).then(
    () => 'won',
    (error: { code?: string }) => error.code ?? 'no code',
  )
}

async function listenPlainly(path: string): Promise<Server> {
  const server = createServer()
  servers.push(server)
  server.listen(path)
  await once(server, 'listening')
  return server
}

/** A file that a killed server has left: a socket without a listener. */
async function leaveDeadSocket(path: string): Promise<void> {
  const maker = `const s = require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
  const { spawn } = await import('node:child_process')
  await once(spawn(process.execPath, ['-e', maker, path]), 'exit')
  expect(lstatSync(path).isSocket()).toBe(true)
}

describe('acquireNameLease', () => {
  it('publishes a socket that clients reach, with one lease beside it', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    await acquire(path)
    expect(await probe(path)).toBe('alive')
    expect(readdirSync(directory).toSorted()).toEqual(['a.sock', 'a.sock.1'])
  })

  it('removes its files and frees the address at release', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    for (let round = 0; round < 3; round += 1) {
      const won = await acquire(path)
      won.release()
      won.release()
      expect(readdirSync(directory)).toEqual([])
      expect(await probe(path)).toBe('gone')
    }
  })

  it('rejects a second server with NAME_IN_USE and leaves the first one alone', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    await acquire(path)
    const second = createServer()
    await expect(acquireNameLease(path, second, { text: 'prices' })).rejects.toMatchObject({
      code: ErrorCode.NAME_IN_USE,
      message: expect.stringContaining('the address prices is in use'),
    })
    expect(second.listening).toBe(false)
    expect(readdirSync(directory).toSorted()).toEqual(['a.sock', 'a.sock.1'])
    expect(await probe(path)).toBe('alive')
  })

  it('grants the address to exactly one of many servers in one process, in each round', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    for (let round = 0; round < 20; round += 1) {
      const outcomes = await Promise.all(Array.from({ length: 12 }, () => outcomeOf(path)))
      expect(outcomes.filter((outcome) => outcome === 'won')).toHaveLength(1)
      expect(outcomes.filter((outcome) => outcome === ErrorCode.NAME_IN_USE)).toHaveLength(11)
      expect(await probe(path)).toBe('alive')
      leases.pop()?.release()
      expect(readdirSync(directory)).toEqual([])
    }
  })

  it("replaces a dead server's files at once and removes them", async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    for (const ending of ['', '.3', '.7', '.fd', '.0123456789ab~']) await leaveDeadSocket(path + ending)
    await acquire(path)
    expect(readdirSync(directory).toSorted()).toEqual(['a.sock', 'a.sock.8'])
    expect(await probe(path)).toBe('alive')
  })

  it('removes a dead handover socket before clients can connect, and its own one at release', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    await leaveDeadSocket(`${path}.fd`)
    const openHandover = vi.fn((file: string) => {
      expect(file).toBe(`${path}.fd`)
      expect(existsSync(file)).toBe(false)
      expect(existsSync(path)).toBe(false)
      writeFileSync(file, '')
    })
    const won = await acquire(path, { openHandover })
    expect(openHandover).toHaveBeenCalledOnce()
    won.release()
    expect(readdirSync(directory)).toEqual([])
  })

  it('removes its files when the handover socket cannot be opened', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    const openHandover = () => {
      throw new RangeError('no handover socket')
    }
    await expect(acquire(path, { openHandover })).rejects.toThrow('no handover socket')
    expect(readdirSync(directory)).toEqual([])
  })

  it('does not take over a live socket of another program', async () => {
    const path = join(temporaryDirectory(), 'a.sock')
    await listenPlainly(path)
    expect(await outcomeOf(path)).toBe(ErrorCode.NAME_IN_USE)
    expect(await probe(path)).toBe('alive')
  })

  it.each(['', '.1', '.fd'])('never deletes a file that is not a socket: P%s', async (ending) => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    writeFileSync(path + ending, 'precious')
    await expect(acquire(path)).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      message: expect.stringContaining(`${path}${ending} exists and is not a socket`),
    })
    expect(readdirSync(directory)).toEqual([`a.sock${ending}`])
  })

  it('does not follow a symbolic link, and keeps a file that only resembles a temporary', async () => {
    const directory = temporaryDirectory()
    symlinkSync(join(directory, 'elsewhere'), join(directory, 'a.sock'))
    expect(await outcomeOf(join(directory, 'a.sock'))).toBe(ErrorCode.INVALID_ARGUMENT)
    writeFileSync(join(directory, 'b.sock.0123456789ab~'), 'precious')
    await acquire(join(directory, 'b.sock'))
    expect(existsSync(join(directory, 'b.sock.0123456789ab~'))).toBe(true)
  })

  it('does not mistake the files of another address for its own', async () => {
    const directory = temporaryDirectory()
    await acquire(join(directory, 'a.sock'))
    await acquire(join(directory, 'a'))
    await acquire(join(directory, 'b.sock'))
    expect(readdirSync(directory)).toHaveLength(6)
  })

  it('reports a missing directory', async () => {
    await expect(acquire(join(temporaryDirectory(), 'none', 'a.sock'))).rejects.toMatchObject({
      code: ErrorCode.INVALID_ARGUMENT,
      cause: { code: 'ENOENT' },
    })
  })

  it('reports a directory that denies access', async () => {
    await expect(acquire('/proc/self/a.sock')).rejects.toMatchObject({ cause: expect.any(Error) })
  })

  it("leaves a successor's files alone at release", async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    const first = await acquire(path)
    for (const file of readdirSync(directory)) unlinkSync(join(directory, file))
    await acquire(path, { openHandover: (file) => writeFileSync(file, '') })
    first.release()
    expect(readdirSync(directory).toSorted()).toEqual(['a.sock', 'a.sock.1', 'a.sock.fd'])
    expect(await probe(path)).toBe('alive')
  })

  it('removes its files when it is aborted after any number of turns', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    await leaveDeadSocket(`${path}.1`)
    for (let turns = 0; turns < 12; turns += 1) {
      const controller = new AbortController()
      const server = createServer()
      servers.push(server)
      const outcome = acquireNameLease(path, server, { signal: controller.signal }).catch(
        (error: unknown) => error,
      )
      for (let count = 0; count < turns; count += 1) await new Promise((resolve) => setImmediate(resolve))
      controller.abort()
      const result = await outcome
      if ('release' in (result as HeldLease)) (result as HeldLease).release()
      else expect(result).toMatchObject({ code: ErrorCode.ABORTED })
      expect(server.listening).toBe(false)
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect(readdirSync(directory).filter((file) => file !== 'a.sock.1')).toEqual([])
    }
  })

  it('removes its files when it is aborted in any microtask between two of its waits', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    for (let ticks = 0; ticks < 30; ticks += 1) {
      const controller = new AbortController()
      const server = createServer()
      servers.push(server)
      server.once('listening', () => {
        const tick = (left: number): void =>
          left > 0 ? queueMicrotask(() => tick(left - 1)) : controller.abort()
        tick(ticks)
      })
      const outcome = acquireNameLease(path, server, { signal: controller.signal }).then(
        (won) => won.release(),
        (error: unknown) => expect(error).toMatchObject({ code: ErrorCode.ABORTED }),
      )
      await outcome
      // All steps that it begins later begin in the same turn.
      await turn()
      expect(server.listening).toBe(false)
      expect(readdirSync(directory)).toEqual([])
    }
  })

  it('closes the connections of rivals that check whether it is alive', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    // Each of these is probed in turn, which keeps the candidate busy for a while.
    await leaveDeadSocket(`${path}.1`)
    for (let count = 0; count < 50; count += 1) {
      linkSync(`${path}.1`, `${path}.${count.toString().padStart(12, '0')}~`)
    }
    const left = new Set(readdirSync(directory))
    const server = createServer()
    servers.push(server)
    const acquired = acquireNameLease(path, server)
    await once(server, 'listening')
    const temporary = readdirSync(directory).find((file) => !left.has(file)) as string
    const rival = connect(join(directory, temporary))
    rival.on('error', () => {})
    rival.resume()
    await once(rival, 'close')
    leases.push(await acquired)
    expect(server.listenerCount('connection')).toBe(0)
    expect(server.listenerCount('error')).toBe(0)
  })

  it('withdraws for a live lease below its own that was linked after its first list, and tries again', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.99)
    const directory = temporaryDirectory()
    const path = join(directory, 'a.sock')
    await leaveDeadSocket(`${path}.5`)
    const rival = await listenPlainly(join(directory, 'rival'))
    const server = createServer()
    servers.push(server)
    const state = { settled: false }
    const acquired = acquireNameLease(path, server).finally(() => {
      state.settled = true
    })
    await once(server, 'listening')
    // Microtasks only: the candidate has listed the leases, and its probe of the fifth has no answer yet.
    for (let tick = 0; tick < 50; tick += 1) await Promise.resolve()
    linkSync(join(directory, 'rival'), `${path}.2`)
    while (!existsSync(`${path}.6`) && !state.settled) await turn()
    while (existsSync(`${path}.6`) && !state.settled) await turn()
    expect(existsSync(path)).toBe(false)
    rival.close()
    leases.push(await acquired)
    expect(readdirSync(directory).toSorted()).toEqual(['a.sock', 'a.sock.6'])
    vi.restoreAllMocks()
  })
})

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
