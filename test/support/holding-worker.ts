import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { expect } from 'vitest'

/** How a worker ends, and its exit code. */
export const WORKER_ENDS: [end: string, code: number][] = [
  ['return', 0],
  ['exit', 5],
  ['throw', 1],
  ['terminate', 1],
]

export interface WorkerRun {
  readonly child: URL
  readonly directory: string
  readonly address: string
  readonly end: string
  readonly code: number
}

interface Said {
  readonly transport: string
  /** Memory of the worker. */
  readonly filled: Uint8Array
}

/** Runs a child of `test/process/children/holding-*.mjs` to its end. Returns the memory that it has passed to this thread. */
export async function endOfHoldingWorker({
  child,
  directory,
  address,
  end,
  code,
}: WorkerRun): Promise<Uint8Array> {
  const worker = new Worker(child, {
    workerData: { address, end },
    env: { ...process.env, SHMWIRE_DIR: directory },
    stderr: true,
  })
  const ended = new Promise<number>((resolve) => {
    worker.once('exit', resolve)
  })
  worker.once('error', () => {})
  const [said] = (await once(worker, 'message')) as [Said]
  expect(said.transport).toBe('shm')
  expect(said.filled.length).toBeGreaterThan(0)
  expect(said.filled.every((byte) => byte === 7)).toBe(true)
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
  if (end !== 'terminate') worker.postMessage('end')
  else await worker.terminate()
  expect(await ended).toBe(code)
  // Of a thread that has ended: the bytes may be lost, but the addresses stay mapped.
  expect(said.filled.reduce((sum, byte) => sum + byte, 0)).toBeGreaterThanOrEqual(0)
  said.filled.fill(1)
  expect(said.filled[0]).toBe(1)
  return said.filled
}
