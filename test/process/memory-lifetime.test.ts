import { beforeAll, beforeEach, expect, it } from 'vitest'
import { ensureBuilt } from '../support/build.js'
import { collectGarbage } from '../support/garbage.js'
import { endOfHoldingWorker, WORKER_ENDS } from '../support/holding-worker.js'
import { resourcesOf } from '../support/process-resources.js'
import { ownRuntimeDirectory } from '../support/temporary-directory.js'
import { eventually } from '../support/turns.js'

const ROUNDS = 5

let directory = ''
beforeAll(() => ensureBuilt())
beforeEach(() => {
  directory = ownRuntimeDirectory()
})

it.each(WORKER_ENDS)(
  'keeps memory valid when a worker that holds claims, views and messages ends by %s',
  async (end, code) => {
    let before: number | undefined
    for (let round = 0; round < ROUNDS; round += 1) {
      const child = new URL('./children/holding-worker.mjs', import.meta.url)
      const filled = await endOfHoldingWorker({ child, directory, address: 'held', end, code })
      expect(filled).toHaveLength(1000)
      await eventually(() => {
        collectGarbage()
        before ??= resourcesOf().segmentMappings
        return resourcesOf().segmentMappings <= before
      })
    }
    expect(before).toBe(0)
  },
)
