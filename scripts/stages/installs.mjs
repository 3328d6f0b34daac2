import { testManager } from '../installs/install.mjs'
import { FEW_MANAGERS } from '../installs/managers.mjs'

/** The short form of `npm run test:installs`. */
export async function installs(report, place) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return report.skip('package managers', 'their tests are for Linux on x64')
  for (const entry of Object.entries(FEW_MANAGERS)) await testManager(report, entry, place)
}
