// Puts the binary of this machine into prebuilds/<platform>/, which the package ships.
//
//   node scripts/build-prebuilds.mjs
//
// npm runs it before it packs. The loader (src/native/load-binding.ts) reads that folder.

import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { versionsTooNew } from './check-binary.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const built = join(root, 'build', 'Release', 'shmwire.node')
const isMusl =
  process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime === undefined
const platform = `${process.platform}-${process.arch}${isMusl ? '-musl' : ''}`

if (process.platform === 'linux' && !isMusl) {
  const tooNew = versionsTooNew(built)
  if (tooNew.length > 0) {
    throw new Error(`${built} needs ${tooNew.join(', ')}; users with an older system could not load it`)
  }
}
rmSync(join(root, 'prebuilds'), { recursive: true, force: true })
mkdirSync(join(root, 'prebuilds', platform), { recursive: true })
cpSync(built, join(root, 'prebuilds', platform, 'shmwire.node'))
console.log(`prebuilds/${platform}/shmwire.node`)
