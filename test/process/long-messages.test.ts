import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** Other versions of Node.js: `SHMWIRE_TEST_NODE` is the path of one. */
const node = process.env['SHMWIRE_TEST_NODE'] ?? process.execPath
const ROUNDS = 3

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

interface Said {
  readonly transport: string
  readonly filled: Uint8Array
}

/** How a worker ends, and its exit code. */
it.each<[string, number]>([
  ['return', 0],
  ['exit', 5],
  ['throw', 1],
  ['terminate', 1],
])('keeps long messages valid when a worker that holds some ends by %s', async (end, code) => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const worker = new Worker(new URL('./children/holding-long-messages.mjs', import.meta.url), {
      workerData: { address: 'long', end },
      env: { ...process.env, SHMWIRE_DIR: directory },
      stderr: true,
    })
    const ended = new Promise<number>((resolve) => {
      worker.once('exit', resolve)
    })
    worker.once('error', () => {})
    const [said] = (await once(worker, 'message')) as [Said]
    expect(said.transport).toBe('shm')
    expect(said.filled.every((byte) => byte === 7)).toBe(true)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    if (end !== 'terminate') worker.postMessage('end')
    else await worker.terminate()
    expect(await ended).toBe(code)
    // The memory of a thread that has ended: the bytes may be lost, but the addresses stay mapped.
    expect(said.filled.reduce((sum, byte) => sum + byte, 0)).toBeGreaterThanOrEqual(0)
    said.filled.fill(1)
    expect(said.filled[0]).toBe(1)
  }
})

it('returns the memory of long messages when it is idle, and ends with messages in use', async () => {
  const child = fileURLToPath(new URL('./children/idle-after-long-messages.mjs', import.meta.url))
  const { stdout } = await promisify(execFile)(node, ['--expose-gc', child, 'idle'], {
    env: { ...process.env, SHMWIRE_DIR: directory },
  })
  const said = JSON.parse(stdout) as { before: number; used: number; idle: number; transport: string }
  expect(said.transport).toBe('shm')
  // Else there was nothing to return.
  expect(said.used).toBeGreaterThan(said.before + 24)
  expect(said.idle).toBeLessThanOrEqual(said.before + 16)
})
