import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from '../stages/command.mjs'

/** A run of npm's own retries takes minutes. */
const TIMEOUT_MS = 240_000
const INSTALL = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']

/**
 * Installs a package of the registry into build/downloads/, once. Returns the folder `node_modules` that contains it, or in `missing`
 * the command of a download that failed.
 */
export async function download(specifier) {
  const folder = join(root, 'build/downloads', specifier.replace('/', '+'))
  const modules = join(folder, 'node_modules')
  if (existsSync(folder)) return { modules }
  const unfinished = `${folder}.${process.pid}`
  mkdirSync(unfinished, { recursive: true })
  writeFileSync(join(unfinished, 'package.json'), '{"private":true}')
  const { ok } = await run('npm', [...INSTALL, specifier], { cwd: unfinished, timeoutMs: TIMEOUT_MS })
  if (!ok) {
    rmSync(unfinished, { recursive: true, force: true })
    return { missing: `npm install ${specifier}` }
  }
  renameSync(unfinished, folder)
  return { modules }
}
