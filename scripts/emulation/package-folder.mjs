import { cpSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'

/** Installs the package in `scratch` as npm would, with these prebuilt binaries and no local build, beside test/package/runtimes. */
export function installPackage(scratch, platforms) {
  const folder = join(scratch, 'node_modules/shmwire')
  mkdirSync(folder, { recursive: true })
  for (const part of ['package.json', 'dist', ...platforms.map((platform) => `prebuilds/${platform}`)])
    cpSync(join(root, part), join(folder, part), { recursive: true })
  cpSync(join(root, 'test/package/runtimes'), join(scratch, 'runtimes'), { recursive: true })
  mkdirSync(join(scratch, 'run'), { mode: 0o700 })
}
