import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../stages/command.mjs'
import { prebuilds } from '../stages/prebuilds.mjs'

const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--offline']

/** Packs dist/ and prebuilds/ into `folder`. Returns the path of the tarball; undefined after a failure, which `report` has. */
export async function pack(report, folder) {
  if (!(await prebuilds(report))) return undefined
  const packed = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder])
  if (!report.check('npm pack', packed)) return undefined
  return join(
    folder,
    readdirSync(folder).find((file) => file.endsWith('.tgz')),
  )
}

/** Installs the tarball into `folder` with the npm of this machine. */
export async function installTarball(report, folder, tarball) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  return report.check('the tarball installs', await run('npm', [...INSTALL, tarball], { cwd: folder }))
}
