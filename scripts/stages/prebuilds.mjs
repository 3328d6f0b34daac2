import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { faultsOfBinary } from '../check-binary.mjs'
import { findReader } from '../check-windows-binary.mjs'
import { find, root, run } from './command.mjs'

/** `npm run prebuild` has the others; each needs a minute of one processor. */
const BUILT = 'linux-x64'

/** By `process.platform`: the Debian package that the check needs and this machine lacks. */
const MISSING = {
  linux: () => (find('readelf') === undefined ? 'binutils' : undefined),
  darwin: () => undefined,
  win32: () => (findReader() === undefined ? 'llvm' : undefined),
}

/** Builds the binary of this platform, and checks every one in prebuilds/. Returns whether there is one to pack. */
export async function prebuilds(report) {
  const built = await run(process.execPath, ['scripts/prebuild.mjs', '--only', BUILT])
  if (!report.check(`the binary for ${BUILT} builds`, built)) return false
  const { platforms } = JSON.parse(readFileSync(join(root, 'prebuilds/manifest.json'), 'utf8'))
  for (const platform of Object.keys(platforms)) {
    const name = `the binary for ${platform} loads on every such system`
    const missing = MISSING[platform.split('-')[0]]()
    if (missing !== undefined) report.skip(name, `apt-get install ${missing}`)
    else {
      const faults = faultsOfBinary(join(root, 'prebuilds', platform, 'shmwire.node'), platform)
      report.check(name, { ok: faults.length === 0, output: faults.join('\n') })
    }
  }
  return true
}
