import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { HeldLease } from '../../../src/control/held-lease.js'
import { acquireNameLease, type NameLeaseOptions } from '../../../src/control/name-lease.js'
import { probe } from '../../../src/control/server-files.js'
import { ErrorCode } from '../../../src/errors.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'
import { eventually } from '../../support/turns.js'

const started: Candidate[] = []
let directory = ''
let path = ''

beforeEach(() => {
  directory = temporaryDirectory()
  path = join(directory, 'a.sock')
})

afterEach(() => {
  for (const candidate of started.splice(0)) candidate.close()
})

/** A server that acquires the address, and then holds each connection open, as a handshake does. */
class Candidate {
  readonly server = createServer()
  readonly connections = new Set<Socket>()
  readonly lease: Promise<HeldLease>
  held: HeldLease | undefined

  constructor(options: NameLeaseOptions = { whenInUse: 'wait' }) {
    started.push(this)
    this.lease = this.#acquire(options)
    this.lease.catch(() => {})
  }

  async #acquire(options: NameLeaseOptions): Promise<HeldLease> {
    this.held = await acquireNameLease(path, this.server, options)
    this.server.on('connection', (socket) => {
      this.connections.add(socket.resume())
      socket.on('error', () => {})
      socket.once('close', () => this.connections.delete(socket))
    })
    return this.held
  }

  /** Ends as a server does: first it frees the address, then it ends the handshakes. */
  close(): void {
    this.held?.release()
    this.server.close()
    for (const socket of this.connections) socket.destroy()
  }
}

describe("acquireNameLease with whenInUse: 'wait'", () => {
  it('acquires a free address like any other server', async () => {
    const candidate = new Candidate()
    await candidate.lease
    candidate.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('holds one connection to the live server, and acquires the address when that ends', async () => {
    const first = new Candidate()
    await first.lease
    const second = new Candidate()
    await eventually(() => first.connections.size === 1)
    await sleep(60)
    expect(first.connections.size).toBe(1)
    expect(second.held).toBeUndefined()
    first.close()
    await second.lease
    expect(await probe(path)).toBe('alive')
    second.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('gives the address to one waiting server at a time', async () => {
    let holder = new Candidate()
    await holder.lease
    const waiting = new Set(Array.from({ length: 6 }, () => new Candidate()))
    while (waiting.size > 0) {
      await eventually(() => holder.connections.size === waiting.size)
      holder.close()
      holder = await Promise.race([...waiting].map((candidate) => candidate.lease.then(() => candidate)))
      waiting.delete(holder)
      // All others have met the new server again, so none of them has the address.
      await eventually(() => holder.connections.size === waiting.size)
      expect([...waiting].filter(({ held }) => held !== undefined)).toEqual([])
      expect(await probe(path)).toBe('alive')
    }
    holder.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it.each([
    ['timeoutMs', () => ({ timeoutMs: 20 }), ErrorCode.TIMEOUT],
    ['the signal', () => ({ signal: AbortSignal.timeout(20) }), ErrorCode.ABORTED],
  ])('ends by %s, and then holds no file and no connection', async (_what, bounds, code) => {
    const first = new Candidate()
    await first.lease
    const files = readdirSync(directory)
    const second = new Candidate({ whenInUse: 'wait', ...bounds() })
    await expect(second.lease).rejects.toMatchObject({ code })
    await eventually(() => first.connections.size === 0)
    expect(readdirSync(directory)).toEqual(files)
    expect(second.server.listening).toBe(false)
  })

  it('waits for the end of another program that listens at the path', async () => {
    const other = createServer()
    const connections = new Set<Socket>()
    other.on('connection', (socket) => connections.add(socket.on('error', () => {})))
    other.listen(path)
    await once(other, 'listening')
    const candidate = new Candidate()
    await eventually(() => connections.size === 2)
    expect(candidate.held).toBeUndefined()
    other.close()
    for (const socket of connections) socket.destroy()
    await candidate.lease
    expect(await probe(path)).toBe('alive')
  })

  it('makes few connections to a server that closes each one at once', async () => {
    const first = new Candidate()
    await first.lease
    let connections = 0
    first.server.on('connection', (socket) => {
      connections += 1
      socket.destroy()
    })
    const begunMs = performance.now()
    const second = new Candidate()
    await sleep(250)
    // A probe and a held connection each time, after random pauses whose limit doubles to 100 ms.
    expect(connections).toBeLessThanOrEqual(20 + (performance.now() - begunMs) / 5)
    expect(second.held).toBeUndefined()
    first.close()
    await second.lease
  })
})
