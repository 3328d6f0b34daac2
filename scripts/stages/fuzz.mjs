import { availableParallelism } from 'node:os'
import { buildNative, missingForNative } from '../fuzz/native.mjs'
import { allTargets, fuzzAll } from '../fuzz/targets.mjs'

/** Enough to go through the corpora and some way on; the long runs are those of `npm run fuzz`. */
const SECONDS = 20

/** Each fuzz target for a short time, from its corpus on. */
export async function fuzz(report) {
  const all = allTargets()
  const missing = await missingForNative()
  if (missing.length > 0) report.skip('native fuzz targets', `apt-get install ${missing.join(' ')}`)
  const hasNative =
    missing.length === 0 && report.check('build of the native fuzz targets', await buildNative())
  const targets = all.filter((target) => hasNative || !target.isNative)
  await fuzzAll(report, targets, {
    budget: { seconds: SECONDS },
    workers: Math.min(2, availableParallelism()),
  })
}
