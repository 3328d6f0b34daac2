import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { IS_WINDOWS } from '../support/not-on-windows.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** A blocked thread notices its termination within 50 ms; a thread that does not notice hangs for ever. */
const WATCHDOG_MS = 20_000

const CALLS = ['receiveSync', 'requestSync', 'sendSync'] as const

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

async function within<T>(promise: Promise<T>): Promise<T | 'still blocked'> {
  let timer: NodeJS.Timeout | undefined
  const watchdog = new Promise<'still blocked'>((resolve) => {
    timer = setTimeout(resolve, WATCHDOG_MS, 'still blocked')
  })
  return Promise.race([promise, watchdog]).finally(() => clearTimeout(timer))
}

/** A server that reads nothing and answers nothing. */
async function silentServer(address: string): Promise<Server> {
  const server = await listen(address, { ringBytes: 64 * 1024 })
  server.on('channel', (channel) => channel.handle(() => new Promise(() => {})))
  return server
}

describe.each(CALLS)('a worker that blocks in %s', (call) => {
  it.each(['adaptive', 'sleep', 'spin'])('ends by terminate(), with wait: %s', async (wait) => {
    const server = await silentServer('blocked')
    const closed = new Promise<void>((resolve) => {
      server.once('channel', (channel) => channel.once('close', () => resolve()))
    })
    const worker = new Worker(new URL('./children/blocked-worker.mjs', import.meta.url), {
      workerData: { address: 'blocked', call, wait },
      env: { ...process.env, SHMWIRE_DIR: directory },
    })
    expect(await once(worker, 'message')).toEqual(['blocks'])
    // The worker sends the message before it blocks.
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await within(worker.terminate())).toBe(1)
    await closed
    await server.close()
  })

  it.each([
    ['process.exit()', 3],
    ['an uncaught exception', 1],
    // Windows has no signals between processes: SIGINT ends the process at once.
    ...(IS_WINDOWS ? [] : ([['a SIGINT handler that exits', 4]] as const)),
  ] as const)('does not prevent the end of its process by %s', async (how, code) => {
    const server = await silentServer('blocked')
    const child = new Child('with-blocked-worker', {
      args: ['blocked', call, how],
      env: { SHMWIRE_DIR: directory },
      ipc: true,
    })
    expect(await child.next()).toBe('blocks')
    await new Promise((resolve) => setTimeout(resolve, 100))
    if (how === 'a SIGINT handler that exits') child.process.kill('SIGINT')
    else child.send('end')
    expect(await within(child.ended)).toEqual({ code, signal: null })
    await server.close()
  })
})
