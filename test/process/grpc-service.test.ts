import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ErrorCode, type ShmwireError } from '../../src/errors.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { endTestServers, usersAt } from '../support/grpc-server.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** An idle process ends within this time, even on a busy machine. */
const STAYS_MS = 1_500
const CALLERS = 20

beforeAll(() => ensureBuilt())
afterEach(endTestServers)

/** Starts a server, and resolves when clients can connect. */
async function started(port = 0, file = ''): Promise<{ server: Child; port: number; address: string }> {
  const server = new Child('grpc-server', { args: [port, file] })
  const bound = await server.next<number>()
  return { server, port: bound, address: `127.0.0.1:${bound}` }
}

describe('a service of a gRPC server in another process', () => {
  it.each([1, 4])(
    'finds a server that was killed and started again, over %i connections',
    async (connections) => {
      let { server, port, address } = await started()
      const users = await usersAt(address, { connections, whenUnavailable: 'wait' })
      for (let round = 0; round < 3; round += 1) {
        const { user } = await users.getUser({})
        expect(user.id).toBe(BigInt(server.process.pid as number))
        await server.kill()
        const call = users.getUser({})
        await sleep(round * 400)
        ;({ server, port } = await started(port))
        expect((await call).user.id).toBe(BigInt(server.process.pid as number))
      }
    },
  )

  it('runs each call at most once, and reports calls that surely did not run', async () => {
    const file = join(temporaryDirectory(), 'ran')
    writeFileSync(file, '')
    let { server, port, address } = await started(0, file)
    const users = await usersAt(address, { connections: 2 })
    const outcomes = new Map<string, string>()
    let last = 0
    const ending = new AbortController()
    const caller = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        last += 1
        const id = String(last)
        try {
          await users.createUser({ user: { id: BigInt(id) } })
          outcomes.set(id, 'ran')
        } catch (error) {
          outcomes.set(id, String((error as ShmwireError).executed))
          await sleep(5)
        }
      }
    }
    const callers = Array.from({ length: CALLERS }, caller)
    for (let round = 0; round < 4; round += 1) {
      await sleep(200 + 50 * round)
      await server.kill()
      ;({ server, port } = await started(port, file))
    }
    ending.abort()
    await Promise.all(callers)
    const ran = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(new Set(ran).size).toBe(ran.length)
    const count = (expected: string): number =>
      [...outcomes.values()].filter((one) => one === expected).length
    expect(count('no')).toBeGreaterThan(0)
    expect(count('unknown')).toBeGreaterThan(0)
    expect(count('ran') + count('no') + count('unknown')).toBe(outcomes.size)
    expect(ran.filter((id) => outcomes.get(id) === 'no')).toEqual([])
    expect(ran.filter((id) => outcomes.get(id) === 'ran')).toHaveLength(count('ran'))
  })

  // Windows has no SIGSTOP.
  it.skipIf(IS_WINDOWS)('replaces the connection to a server that is stopped', async () => {
    const { server, address } = await started()
    const keepAlive = { intervalMs: Number.POSITIVE_INFINITY, timeoutMs: 1_000 }
    const users = await usersAt(address, { keepAlive })
    server.process.kill('SIGSTOP')
    const late = users.getUser({}, { timeoutMs: 100 })
    // Not repeated, because it is not idempotent.
    const lost = users.createUser({}, { timeoutMs: 20_000 })
    await expect(late).rejects.toMatchObject({ code: ErrorCode.TIMEOUT })
    await expect(lost).rejects.toMatchObject({ status: 'UNAVAILABLE', executed: 'unknown' })
    server.process.kill('SIGCONT')
    await users.getUser({})
  })
})

describe('a process with a service of a gRPC server', () => {
  it.each(['close', 'unref'])('ends after %s', async (what) => {
    const { address } = await started()
    const caller = new Child('grpc-caller', { args: [address, what] })
    expect(await caller.next()).toBe(what)
    expect(await caller.ended).toEqual({ code: 0, signal: null })
    expect(caller.stderr).toBe('')
  })

  it('stays otherwise', async () => {
    const { address } = await started()
    const caller = new Child('grpc-caller', { args: [address, 'stay'] })
    expect(await caller.next()).toBe('stay')
    await sleep(STAYS_MS)
    expect(caller.running).toBe(true)
  })
})
