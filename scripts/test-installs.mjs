// Installs the packed tarball with every package manager, and uses it in every version of Node.js, module system and bundler.
//   npm run test:installs                            everything, about 20 minutes; downloads 1 GB at the first run
//   npm run test:installs -- --only managers,nodes   these parts
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { testManager } from './installs/install.mjs'
import { MANAGERS } from './installs/managers.mjs'
import { moduleSystems } from './installs/module-systems.mjs'
import { noExternalBuffers } from './installs/no-external-buffers.mjs'
import { nodeVersions } from './installs/node-versions.mjs'
import { pack, packWithScript } from './installs/pack.mjs'
import { rspack } from './installs/rspack.mjs'
import { singleExecutable } from './installs/single-executable.mjs'
import { build } from './stages/build.mjs'
import { Report } from './stages/report.mjs'

const PARTS = {
  async managers(report, place) {
    const scripted = await packWithScript(join(place.scratch, 'with-script'))
    for (const entry of Object.entries(MANAGERS)) await testManager(report, entry, { ...place, scripted })
  },
  modules: moduleSystems,
  nodes: nodeVersions,
  rspack,
  executable: singleExecutable,
  electron: noExternalBuffers,
}

const report = new Report()
const parts = chosenParts(process.argv.slice(2))
if (process.platform === 'linux' && process.arch === 'x64') await test()
else report.skip('installs', 'their tests are for Linux on x64')
report.close()
process.exitCode = report.failed > 0 ? 1 : 0

async function test() {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-installs-'))
  try {
    await build(report)
    const tarball = await pack(report, scratch)
    for (const name of tarball === undefined ? [] : parts) {
      console.log(`\n${name}`)
      await PARTS[name](report, { tarball, scratch })
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function chosenParts(args) {
  if (args.length === 0) return Object.keys(PARTS)
  const names = args[0] === '--only' && args.length === 2 ? args[1].split(',') : []
  if (names.length === 0 || !names.every((name) => name in PARTS)) {
    console.error(
      `usage: npm run test:installs -- [--only <part>,…]   parts: ${Object.keys(PARTS).join(', ')}`,
    )
    process.exit(2)
  }
  return names
}
