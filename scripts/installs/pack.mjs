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

/** Packs a package with an install script, of the same name. Returns the path of the tarball. */
export async function packWithScript(folder) {
  mkdirSync(folder)
  const manifest = { name: 'shmwire', version: '0.0.0', scripts: { postinstall: 'node --version' } }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
  const { ok, output } = await run('npm', ['pack', '--ignore-scripts'], { cwd: folder })
  if (!ok) throw new Error(`npm pack failed: ${output}`)
  return join(folder, 'shmwire-0.0.0.tgz')
}

/** Installs the tarball into `folder` with the npm of this machine. */
export async function installTarball(report, folder, tarball) {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  return report.check('the tarball installs', await run('npm', [...INSTALL, tarball], { cwd: folder }))
}
