import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const BENCH = fileURLToPath(new URL('..', import.meta.url))
/** In the build folder, where no tool reads it as source. */
const PLACE = fileURLToPath(new URL('../../build/bench/packages/', import.meta.url))
const LOCK = 'package-lock.json'

/** A competitor's package: of bench/package.json, not of shmwire. */
export function loadPackage(name) {
  return createRequire(join(PLACE, 'package.json'))(name)
}

/**
 * Installs the competitors' packages unless they match the lock file already.
 * Returns undefined, or why they cannot be installed.
 */
export function installPackages() {
  const lock = readFileSync(join(BENCH, LOCK))
  const installed = join(PLACE, 'installed.lock')
  if (existsSync(installed) && readFileSync(installed).equals(lock)) return undefined
  mkdirSync(PLACE, { recursive: true })
  for (const file of ['package.json', '.npmrc', LOCK]) cpSync(join(BENCH, file), join(PLACE, file))
  const npm = spawnSync('npm', ['ci', '--loglevel=error'], { cwd: PLACE, encoding: 'utf8' })
  if (npm.status !== 0) return npm.error?.message ?? npm.stderr.trim().split('\n')[0] ?? 'npm failed'
  // Last, so that an interrupted installation does not count as complete.
  writeFileSync(installed, lock)
  return undefined
}

/** Why a package cannot be used, or undefined. */
export function packageFault(name) {
  try {
    loadPackage(name)
    return undefined
  } catch (error) {
    return error.code === 'MODULE_NOT_FOUND' ? 'it is not installed' : error.message.split('\n')[0]
  }
}
