import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { endOfHoldingWorker, WORKER_ENDS } from '../support/holding-worker.js'
import { SOCKET_TRANSPORT } from '../support/local-address.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'

/** Other versions of Node.js: `SHMWIRE_TEST_NODE` is the path of one. */
const node = process.env['SHMWIRE_TEST_NODE'] ?? process.execPath
const ROUNDS = 3

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

it.each(WORKER_ENDS)(
  'keeps long messages valid when a worker that holds some ends by %s',
  async (end, code) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = new URL('./children/holding-long-messages.mjs', import.meta.url)
      await endOfHoldingWorker({ child, directory, address: 'long', end, code })
    }
  },
)

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

it.each(['shm', 'socket'])(
  'delivers long messages over %s unchanged, although the sender changes their memory as soon as trySend returns',
  async (transport) => {
    const child = fileURLToPath(new URL('./children/changed-long-messages.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(node, [child, transport], {
      env: { ...process.env, SHMWIRE_DIR: directory },
    })
    const said = JSON.parse(stdout) as { expected: string[]; received: string[]; transport: string }
    expect(said.received).toEqual(said.expected)
    expect(said.transport).toBe(transport === 'shm' ? 'shm' : SOCKET_TRANSPORT)
  },
)
