// Builds dist/ and the addon, if a source has changed.
//   node scripts/build.mjs [--quiet] [--ts-only] [--force]
//
// The compiler writes to another folder. Then each file is moved to dist/, so that a concurrent process or build never reads an
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

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'src')
const dist = join(root, 'dist')
// As deep in the tree as dist/, so that the relative paths in source maps stay valid after the move.
const staging = join(root, `.build-${process.pid}`)
// Outside dist/, which is published whole.
const stamp = join(root, 'node_modules/.cache/shmwire-build.stamp')
const options = new Set(process.argv.slice(2))
const quiet = options.has('--quiet')

if (options.has('--force') || !isFresh()) {
  // The clock of file times, because it is compared with them.
  const startMs = Date.now()
  try {
    compile()
    await bundleMsgpack()
    checkNotices()
    install()
  } finally {
    rmSync(staging, { recursive: true, force: true })
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
  run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', root, '--outDir', staging])
}

/**
 * Bundles the pure JavaScript of msgpackr into dist/codec/msgpack.js. As a dependency, it would install an optional package with an
 * install script, which some package managers refuse.
 */
async function bundleMsgpack() {
  const { rolldown } = await import('rolldown')
  const file = join(staging, 'codec/msgpack.js')
  const bundle = await rolldown({
    input: join(source, 'codec/msgpack.ts'),
    platform: 'node',
    external: (id, importer) =>
      id.startsWith('node:') || (id.startsWith('.') && importer?.startsWith(source)),
    // A path, because the exports of the package give Node the entry that loads the native part.
    resolve: { alias: { msgpackr: join(root, 'node_modules/msgpackr/index.js') } },
    plugins: [withoutEval()],
    logLevel: 'warn',
  })
  await bundle.write({ file, format: 'esm', sourcemap: true })
  await bundle.close()
  const code = readFileSync(file, 'utf8')
  for (const unwanted of [/from\s*["']msgpackr/, /msgpackr-extract/, /new Function\b/, /\brequire\(/]) {
    if (unwanted.test(code)) throw new Error(`dist/codec/msgpack.js contains ${unwanted}`)
  }
}

/** msgpackr compiles readers for an extension that shmwire does not use, and works without them. */
function withoutEval() {
  return {
    name: 'without-eval',
    // The name changes within one line, so the source map of the original stays valid.
    transform: (code, id) =>
      id.endsWith('/unpack.js')
        ? { code: code.replace('new Function', 'new BlockedFunction'), map: null }
        : null,
  }
}

/** The package contains code of msgpackr and of node-addon-api, so it needs their licences. */
function checkNotices() {
  const notices = readFileSync(join(root, 'THIRD_PARTY_NOTICES'), 'utf8')
  for (const licence of ['msgpackr/LICENSE', 'node-addon-api/LICENSE.md']) {
    const path = `node_modules/${licence}`
    if (!notices.includes(readFileSync(join(root, path), 'utf8').trim()))
      throw new Error(`THIRD_PARTY_NOTICES does not hold ${path} as it is now`)
  }
}

/** Moves changed files to dist/ and deletes files without a source. */
function install() {
  const built = new Set(filesUnder(staging))
  for (const file of built) {
    const target = join(dist, file)
    if (existsSync(target) && readFileSync(target).equals(readFileSync(join(staging, file)))) continue
    mkdirSync(dirname(target), { recursive: true })
    renameSync(join(staging, file), target)
  }
  for (const file of filesUnder(dist)) {
    if (!built.has(file)) rmSync(join(dist, file), { force: true })
  }
}

/** Dates the stamp at the start of the build, so that a file that was edited during the build counts as newer. */
function markFresh(startMs) {
  mkdirSync(dirname(stamp), { recursive: true })
  writeFileSync(stamp, '')
  utimesSync(stamp, startMs / 1000, startMs / 1000)
}

function isFresh() {
  if (!existsSync(stamp) || !existsSync(join(dist, 'index.js'))) return false
  const builtMs = statSync(stamp).mtimeMs
  const single = ['tsconfig.json', 'package-lock.json', 'scripts/build.mjs', 'THIRD_PARTY_NOTICES']
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
    rmSync(staging, { recursive: true, force: true })
    process.exit(status ?? 1)
  }
}

function say(line) {
  if (!quiet) console.log(line)
}
