import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { IS_WINDOWS } from '../../support/not-on-windows.js'
import { temporaryDirectory } from '../../support/temporary-directory.js'

describe.skipIf(IS_WINDOWS)('the classes of topics and cells in workers', () => {
  it('close the descriptors of objects that were not closed, at the end of the worker', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length
    const code = `
      const { workerData, parentPort } = require('node:worker_threads')
      const binding = require(workerData.addon)
      const { randomBytes } = require('node:crypto')
      const socket = new binding.HandoverSocket(workerData.path)
      const writer = new binding.BroadcastWriter({ ringBytes: 65536 })
      const cell = new binding.CellWriter({ maxValueBytes: 10 })
      for (let count = 0; count < 3; count += 1) {
        for (const [one, reader] of [
          [writer, new binding.BroadcastReader({ recordsMax: 4, blocks: true })],
          [cell, new binding.CellReader()],
        ]) {
          const token = randomBytes(16)
          socket.expect(token)
          reader.offer(workerData.path, token)
          one.accept(socket, token, true)
          reader.attach()
          reader.transferDoorbell()
          if (count === 1) one.detach(1)
        }
        new binding.BroadcastReader({ recordsMax: 4, blocks: true }).attachOwn(writer)
      }
      parentPort.postMessage('done')
    `
    const before = count()
    const addon = join(import.meta.dirname, '../../../build/Release/shmwire.node')
    for (let run = 0; run < 3; run += 1) {
      const workerData = { addon, path: join(temporaryDirectory(), 'handover') }
      const worker = new Worker(code, { eval: true, workerData })
      const ended = new Promise((resolve, reject) => {
        worker.once('exit', resolve)
        worker.once('error', reject)
      })
      await new Promise((resolve) => worker.once('message', resolve))
      await worker.terminate()
      await ended
    }
    await expect.poll(count, { timeout: 20_000 }).toBeLessThanOrEqual(before + 2)
  })
})
