// Compiles the addon with the C++ compiler alone: no Python, no make, no download of Node's headers (docs/decisions/0007).
//
//   node scripts/build-addon.mjs [--asan | --no-external-buffers | --hostile] [--force] [--quiet]
//
// CXX names the compiler. Default: the first of c++, g++ and clang++ that works. native/sources.json has the sources and flags.
// The result is build/Release/shmwire.node, or:
//   --asan      build/asan/shmwire.node, with AddressSanitizer and UndefinedBehaviorSanitizer (scripts/asan.mjs)
//   --no-external-buffers   build/no-external-buffers/shmwire.node, which has no ArrayBuffer over shared memory, as in Electron
//   --hostile   build/hostile/hostile.node, the native half of the peer in test/hostile
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROCESSES_MAX = 2
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const options = new Set(process.argv.slice(2))
const log = options.has('--quiet') ? () => {} : console.log

// UndefinedBehaviorSanitizer's check of virtual tables needs run-time type information. GCC's warning about uninitialized values is wrong
// about instrumented code ("Instrumentation Options" in its manual).
const ASAN =
  '-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer -g -Wno-maybe-uninitialized'

function fail(reason) {
  console.error(`build-addon: ${reason}`)
  process.exit(1)
}

/** The folders of the objects and the result, and further flags. */
function chooseTarget() {
  if (options.has('--hostile'))
    return { objects: 'build/hostile/direct', output: 'build/hostile/hostile.node', flags: ['-pthread'] }
  if (options.has('--asan'))
    return { objects: 'build/asan/direct', output: 'build/asan/shmwire.node', flags: ASAN.split(' ') }
  if (options.has('--no-external-buffers'))
    return {
      objects: 'build/no-external-buffers/direct',
      output: 'build/no-external-buffers/shmwire.node',
      flags: ['-include', 'native/test/no_external_buffers.h'],
    }
  return { objects: 'build/direct', output: 'build/Release/shmwire.node', flags: [] }
}

function findCompiler() {
  // As in make, CXX can contain a launcher and flags: 'ccache g++'.
  const candidates = process.env.CXX ? [process.env.CXX.trim()] : ['c++', 'g++', 'clang++']
  for (const [command, ...args] of candidates.map((words) => words.split(/\s+/))) {
    const { status, stdout } = spawnSync(command, [...args, '--version'], { encoding: 'utf8' })
    if (status === 0) return { command, args, version: stdout.split('\n')[0] }
  }
  return fail(
    `no C++ compiler was found (tried: ${candidates.join(', ')}). Install one with C++20, g++ 11 or clang 14 and ` +
      `newer: 'apt-get install g++' on Debian and Ubuntu, 'dnf install gcc-c++' on Fedora, 'apk add g++' on Alpine; ` +
      `or name it: CXX=/path/to/g++ node scripts/build-addon.mjs`,
  )
}

function findHeaders() {
  const require = createRequire(import.meta.url)
  try {
    return [require('node-api-headers').include_dir, require('node-addon-api').include_dir]
  } catch (error) {
    return fail(`${error.message.split('\n')[0]}; run 'npm install' in ${root}`)
  }
}

function modified(path) {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** Writes to another name first, because a compiler can be interrupted, and a process can have the old file mapped. */
async function compile(command, args, output) {
  log(`${command}: ${output}`)
  const unfinished = `${output}.${process.pid}`
  const child = spawn(command, ['-o', unfinished, ...args], { stdio: 'inherit' })
  const [code, signal] = await once(child, 'close')
  if (code !== 0) fail(`${command} ended with ${signal ?? `code ${code}`} on ${output}`)
  renameSync(unfinished, output)
}

async function build() {
  const target = chooseTarget()
  const list = JSON.parse(readFileSync('native/sources.json', 'utf8'))
  const platform = list.platform[process.platform]
  if (platform === undefined)
    return fail(`no native code for ${process.platform}; there is for ${Object.keys(list.platform)}`)
  const sources = options.has('--hostile') ? list.hostile : [...list.core, ...platform, ...list.addon]
  const compiler = findCompiler()
  const headers = ['-Inative', ...findHeaders().map((folder) => `-isystem${folder}`)]
  const defines = list.defines.map((define) => `-D${define}`)
  const flags = [...compiler.args, ...list.flags.compile, ...target.flags, ...defines, ...headers]
  const coreFlags = [...flags, ...list.flags.core]
  const addonFlags = [...flags, ...list.flags.addon]

  // The recipe invalidates objects of another compiler or of other flags. bench/support/native.mjs reads it.
  const recipe = JSON.stringify({ compiler, coreFlags, addonFlags, linkFlags: list.flags.link, sources })
  const recipePath = join(target.objects, 'recipe.json')
  if (options.has('--force') || modified(recipePath) === 0 || readFileSync(recipePath, 'utf8') !== recipe) {
    rmSync(target.objects, { recursive: true, force: true })
    mkdirSync(target.objects, { recursive: true })
    writeFileSync(recipePath, recipe)
  }
  const ours = readdirSync('native', { recursive: true }).filter((file) => file.endsWith('.h'))
  const oursModified = Math.max(...ours.map((file) => modified(join('native', file))))
  const objectOf = (source) => join(target.objects, `${source.replaceAll('/', '-')}.o`)
  const isFresh = (source) => modified(objectOf(source)) > Math.max(modified(source), oursModified)
  const objects = sources.map(objectOf)
  const queue = sources.filter((source) => !isFresh(source))
  if (queue.length === 0 && modified(target.output) > Math.max(...objects.map(modified)))
    return log(`${target.output} is up to date`)
  const work = async () => {
    for (let source = queue.shift(); source !== undefined; source = queue.shift()) {
      const sourceFlags = list.addon.includes(source) ? addonFlags : coreFlags
      await compile(compiler.command, [...sourceFlags, '-c', source], objectOf(source))
    }
  }
  await Promise.all(Array.from({ length: PROCESSES_MAX }, work))
  mkdirSync(dirname(target.output), { recursive: true })
  const linkFlags = [...compiler.args, '-shared', ...list.flags.link, ...target.flags]
  await compile(compiler.command, [...linkFlags, ...objects], target.output)
}

process.chdir(root)
await build()
