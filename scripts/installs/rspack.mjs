import { cpSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { bundlers, webpackOf } from '../stages/bundlers.mjs'
import { root } from '../stages/command.mjs'
import { download } from './download.mjs'
import { installTarball } from './pack.mjs'
import { RSPACK } from './versions.mjs'

/** Bundles a program with rspack, and runs the bundle with the addon in each place. */
export async function rspack(report, { tarball, scratch }) {
  const { modules, missing } = await download(RSPACK)
  if (missing !== undefined) return report.skip(RSPACK, missing)
  const folder = join(scratch, 'rspack')
  if (!(await installTarball(report, folder, tarball))) return
  for (const program of ['bundled.mjs', 'exchange.mjs'])
    cpSync(join(root, 'test/package', program), join(folder, program))
  const env = { SHMWIRE_DIR: join(folder, 'run') }
  mkdirSync(env.SHMWIRE_DIR, { mode: 0o700 })
  const { rspack: bundler } = createRequire(join(modules, 'any.js'))('@rspack/core')
  await bundlers(report, folder, env, { [RSPACK]: (options) => webpackOf(bundler, options) })
}
