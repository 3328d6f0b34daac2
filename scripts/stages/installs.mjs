import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testManager } from '../installs/install.mjs'
import { FEW_MANAGERS } from '../installs/managers.mjs'

/** The short form of `npm run test:installs`. */
export async function installs(report, tarball) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return report.skip('package managers', 'their tests are for Linux on x64')
  // Outside every other package, to which a package manager would add ours.
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-installs-'))
  try {
    for (const entry of Object.entries(FEW_MANAGERS)) await testManager(report, entry, { tarball, scratch })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
