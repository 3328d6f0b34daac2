import { availableParallelism } from 'node:os'
import { buildNative, missingForNative } from '../fuzz/native.mjs'
import { allTargets, fuzzAll } from '../fuzz/targets.mjs'

/** Enough for the corpora and some further inputs. `npm run fuzz` is for long runs. */
const SECONDS = 20

/** Runs each fuzz target for a short time, starting from its corpus. */
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
