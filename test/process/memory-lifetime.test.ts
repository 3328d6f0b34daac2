import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { collectGarbage } from '../support/garbage.js'
import { resourcesOf } from '../support/process-resources.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const ROUNDS = 5

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

interface Said {
  readonly transport: string
  /** The worker's ring. */
  readonly filled: Uint8Array
}

/** How a worker ends, and its exit code. */
it.each<[string, number]>([
  ['return', 0],
  ['exit', 5],
  ['throw', 1],
  ['terminate', 1],
])('keeps memory valid when a worker that holds claims, views and messages ends by %s', async (end, code) => {
  let before: number | undefined
  for (let round = 0; round < ROUNDS; round += 1) {
    const worker = new Worker(new URL('./children/holding-worker.mjs', import.meta.url), {
      workerData: { address: 'held', end },
      env: { ...process.env, SHMWIRE_DIR: directory },
      stderr: true,
    })
    const ended = new Promise<number>((resolve) => {
      worker.once('exit', resolve)
    })
    worker.once('error', () => {})
    const [said] = (await once(worker, 'message')) as [Said]
    expect(said.transport).toBe('shm')
    expect(Buffer.from(said.filled)).toEqual(Buffer.alloc(1000, 7))
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    if (end !== 'terminate') worker.postMessage('end')
    else await worker.terminate()
    expect(await ended).toBe(code)
    // Transferred from a thread that has ended: the bytes are lost, but the addresses stay mapped.
    expect(said.filled.reduce((sum, byte) => sum + byte, 0)).toBeGreaterThanOrEqual(0)
    said.filled.fill(1)
    await eventually(() => {
      collectGarbage()
      before ??= resourcesOf().segmentMappings
      return resourcesOf().segmentMappings <= before
    })
  }
  expect(before).toBe(0)
})
