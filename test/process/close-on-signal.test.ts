import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import type { CloseOnSignalOptions } from '../../src/resilience/close-on-signal.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { failure, type TestClient, testClient } from '../support/services.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

const SERVICE = 'held'

beforeAll(() => ensureBuilt())

let directory = ''
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

interface Closing {
  readonly child: Child
  readonly users: TestClient<'hold' | 'echo'>
  readonly get: (path: string) => Promise<{ status: number; body: unknown }>
}

async function start(order: 'first' | 'together', options: CloseOnSignalOptions = {}): Promise<Closing> {
  const child = new Child('closing', {
    args: [SERVICE, order, JSON.stringify(options)],
    ipc: true,
    env: { SHMWIRE_DIR: directory },
  })
  const port = await child.next<number>()
  const users = await testClient<'hold' | 'echo'>(SERVICE, { name: 'test.Held', retries: 0 })
  onTestFinished(() => users.$close({ timeoutMs: 1_000 }).catch(() => {}))
  return {
    child,
    users,
    get: async (path) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`)
      return { status: response.status, body: await response.json() }
    },
  }
}

const REFUSED = { status: 'UNAVAILABLE', executed: 'no' }

describe('closeOnSignal in a process', () => {
  it('lets open calls of a service and a gateway end, refuses new ones, and exits with 0', async () => {
    const { child, users, get } = await start('together')
    const local = users.hold({})
    expect(await child.next()).toBe('held')
    const remote = get('/hold')
    expect(await child.next()).toBe('held')
    child.process.kill('SIGTERM')
    expect(await child.next()).toEqual({ signal: 'SIGTERM', status: 'closing' })
    expect(await failure(users.echo({}))).toMatchObject(REFUSED)
    // The gateway listens no longer, or refuses the request.
    await expect(get('/echo')).rejects.toThrow()
    child.send('finish')
    expect(await local).toEqual({ held: true })
    expect(await remote).toEqual({ status: 200, body: { held: true } })
    expect(await child.next()).toEqual({ exitCode: 0, errors: [] })
    expect(await child.ended).toEqual({ code: 0, signal: null })
  })

  it('keeps the service open for the calls of a gateway that closes first', async () => {
    const { child, users, get } = await start('first')
    const remote = get('/hold')
    expect(await child.next()).toBe('held')
    child.process.kill('SIGTERM')
    expect(await child.next()).toMatchObject({ status: 'closing' })
    expect(await users.echo({ n: 1 })).toEqual({ n: 1 })
    child.send('finish')
    expect(await remote).toEqual({ status: 200, body: { held: true } })
    expect(await child.ended).toEqual({ code: 0, signal: null })
  })

  it('cancels calls that take longer than its time, and exits with 1', async () => {
    const { child, users, get } = await start('together', { timeoutMs: 100 })
    const local = failure(users.hold({}))
    expect(await child.next()).toBe('held')
    const remote = get('/hold')
    expect(await child.next()).toBe('held')
    child.process.kill('SIGTERM')
    expect(await local).toMatchObject({ status: 'UNAVAILABLE', executed: 'unknown' })
    expect(await remote).toMatchObject({ status: 503 })
    expect(await child.ended).toEqual({ code: 1, signal: null })
  })

  it('ends at once with a second signal', async () => {
    const { child, users } = await start('together')
    const local = failure(users.hold({}))
    expect(await child.next()).toBe('held')
    child.process.kill('SIGTERM')
    expect(await child.next()).toMatchObject({ status: 'closing' })
    child.process.kill('SIGINT')
    expect(await child.ended).toEqual({ code: 128 + 2, signal: null })
    expect(await local).toMatchObject({ status: 'UNAVAILABLE', executed: 'unknown' })
  })

  it('leaves the end of the process to a program that wants to end it itself', async () => {
    const { child } = await start('first', { exit: false })
    child.process.kill('SIGTERM')
    expect(await child.next()).toMatchObject({ status: 'closing' })
    expect(await child.next()).toEqual({ exitCode: 0, errors: [] })
    expect(await child.ended).toEqual({ code: 7, signal: null })
  })
})
