import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { faultsOfBinary } from '../check-binary.mjs'
import { find, root, run } from './command.mjs'

/** `npm run prebuild` has the others; each needs half a minute of two processors. */
const BUILT = 'linux-x64'

/** Builds the binary of this platform, and checks every one in prebuilds/. Returns whether there is one to pack. */
export async function prebuilds(report) {
  const built = await run(process.execPath, ['scripts/prebuild.mjs', '--only', BUILT])
  if (!report.check(`the binary for ${BUILT} builds`, built)) return false
  const { platforms } = JSON.parse(readFileSync(join(root, 'prebuilds/manifest.json'), 'utf8'))
  for (const platform of Object.keys(platforms)) {
    const name = `the binary for ${platform} runs on every such system`
    if (find('readelf') === undefined) report.skip(name, 'apt-get install binutils')
    else report.check(name, checkBinary(platform))
  }
  return true
}

function checkBinary(platform) {
  const faults = faultsOfBinary(join(root, 'prebuilds', platform, 'shmwire.node'), platform)
  return { ok: faults.length === 0, output: faults.join('\n') }
}
