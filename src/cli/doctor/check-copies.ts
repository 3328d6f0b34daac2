import { readdirSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { firstLineOfThrown } from '../../uncaught.js'
import { packageVersion } from '../package-version.js'
import { type Finding, note, ok } from './finding.js'

const CHECK = 'package'
/** Folders that are searched for a copy of their own; a larger project is searched in part. */
const FOLDERS_MAX = 20_000
const NAME = 'shmwire'

/** The package in `root`, and other copies of it that programs in `folder` can import. Undefined: there is no such folder. */
export function checkCopies(root: string, folder: string | undefined): Finding {
  const version = packageVersion(root)
  if (folder === undefined)
    return note(
      CHECK,
      `${NAME} ${version} in ${root}; the working directory was removed, so no other copies were searched`,
      'change to the directory of the program, and start doctor again',
    )
  const own = realpathSync(root)
  const others = [...new Set(copiesFor(folder))].filter((copy) => copy !== own)
  const text = `${NAME} ${version} in ${root}`
  if (others.length === 0) return ok(CHECK, text)
  const list = others.map((copy) => `${versionOf(copy)} in ${copy}`).join(', ')
  return note(
    CHECK,
    `${text}; other copies: ${list}. 'instanceof' fails between copies, and each one loads its own addon`,
    `install one version: 'npm ls ${NAME}' names the packages that need another one, 'npm dedupe' merges copies`,
  )
}

/** Those in the folders node_modules of `folder` and its parents, and in the packages there. */
function* copiesFor(folder: string): Generator<string, undefined> {
  let searched = 0
  for (let place = folder; ; place = dirname(place)) {
    for (const installed of packagesIn(join(place, 'node_modules'))) {
      searched += 1
      if (searched > FOLDERS_MAX) return
      const copy = installed.endsWith(`/node_modules/${NAME}`)
        ? installed
        : join(installed, 'node_modules', NAME)
      const real = packageAt(copy)
      if (real !== undefined) yield real
    }
    if (dirname(place) === place) return
  }
}

function* packagesIn(modules: string): Generator<string, undefined> {
  for (const name of namesIn(modules)) {
    const path = `${modules}/${name}`
    if (!name.startsWith('@')) yield path
    else for (const scoped of namesIn(path)) yield `${path}/${scoped}`
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.'))
  } catch {
    // There is no such folder, or it is a file.
    return []
  }
}

function packageAt(folder: string): string | undefined {
  try {
    return dirname(realpathSync(join(folder, 'package.json')))
  } catch {
    // No copy is installed there.
    return undefined
  }
}

function versionOf(folder: string): string {
  try {
    return packageVersion(folder)
  } catch (error) {
    return `an unreadable version (${firstLineOfThrown(error)})`
  }
}
