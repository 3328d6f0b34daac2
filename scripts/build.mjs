// Builds dist/, which is published, build/modules/, which has a file for each source, and the addon, if a source has changed.
//   node scripts/build.mjs [--quiet] [--ts-only] [--force]
//
// Compiler and bundler write to other folders. Then each file is moved to its place, so that a concurrent process or build never reads an
// incomplete file.
import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bundle } from './bundle.mjs'
import { bundlePage } from './bundle-page.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src')
const dist = join(root, 'dist')
const modules = join(root, 'build/modules')
// As deep in the tree as the final folders, so that the relative paths in source maps stay valid after the move.
const bundled = join(root, `.build-${process.pid}`)
const compiled = join(bundled, 'modules')
// Outside dist/, which is published whole.
const stamp = join(root, 'build/sources.stamp')
const options = new Set(process.argv.slice(2))
const quiet = options.has('--quiet')

if (options.has('--force') || !isFresh()) {
  // The clock of file times, because it is compared with them.
  const startMs = Date.now()
  try {
    compile()
    await bundle(root, bundled)
    await bundlePage(root, bundled)
    checkNotices()
    install()
  } finally {
    rmSync(bundled, { recursive: true, force: true })
  }
  markFresh(startMs)
  say(`dist/ built in ${Date.now() - startMs} ms`)
} else {
  say('dist/ is up to date')
}
if (!options.has('--ts-only')) {
  const flags = ['--quiet', '--force'].filter((flag) => options.has(flag))
  run(process.execPath, [join(root, 'scripts/build-addon.mjs'), ...flags])
}

/** Compiles all files, and prints the output of the compiler after a failure. */
function compile() {
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--outDir', compiled])
}

/** The package contains headers of the first two, and code of the last two, so it needs their licences. */
function checkNotices() {
  const notices = readFileSync(join(root, 'THIRD_PARTY_NOTICES'), 'utf8')
  for (const path of ['node-api-headers/LICENSE', 'node-addon-api/LICENSE.md', 'uplot/LICENSE']) {
    if (!notices.includes(readFileSync(join(root, 'node_modules', path), 'utf8').trim()))
      throw new Error(`THIRD_PARTY_NOTICES does not hold node_modules/${path} as it is now`)
  }
}

/** Moves changed files to their folders: the bundled code with the declarations, and the modules. Deletes files without a source. */
function install() {
  const types = filesUnder(compiled).filter((file) => file.endsWith('.d.ts'))
  const code = filesUnder(compiled).filter((file) => !file.endsWith('.d.ts'))
  move(code, compiled, modules)
  deleteOthers(modules, code)
  move(types, compiled, dist)
  rmSync(compiled, { recursive: true })
  const published = filesUnder(bundled)
  move(published, bundled, dist)
  deleteOthers(dist, [...types, ...published])
}

function move(files, from, to) {
  for (const file of files) {
    const target = join(to, file)
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(from, file)))) continue
    mkdirSync(dirname(target), { recursive: true })
    renameSync(join(from, file), target)
  }
}

function deleteOthers(folder, files) {
  const kept = new Set(files)
  for (const file of filesUnder(folder)) if (!kept.has(file)) rmSync(join(folder, file), { force: true })
}

/** Dates the stamp at the start of the build, so that a file that was edited during the build counts as newer. */
function markFresh(startMs) {
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, '')
  utimesSync(stamp, startMs / 1000, startMs / 1000)
}

function isFresh() {
  if (![stamp, join(dist, 'index.js'), join(modules, 'index.js')].every(existsSync)) return false
  const builtMs = statSync(stamp).mtimeMs
  const single = [
    'tsconfig.json',
    'package-lock.json',
    'scripts/build.mjs',
    'scripts/bundle.mjs',
    'scripts/bundle-page.mjs',
    'THIRD_PARTY_NOTICES',
  ]
  // Also folders, whose time changes when a file in them is deleted or renamed.
  const inputs = [source, ...readdirSync(source, { recursive: true }).map((file) => join(source, file))]
  inputs.push(...single.map((file) => join(root, file)))
  return inputs.every((file) => statSync(file).mtimeMs < builtMs)
}

function filesUnder(folder) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)))
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' })
  if (error) throw error
  if (status !== 0) {
    rmSync(bundled, { recursive: true, force: true })
    process.exit(status ?? 1)
  }
}

function say(line) {
  if (!quiet) console.log(line)
}
