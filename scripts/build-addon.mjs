// Compiles the addon with the C++ compiler alone: no Node headers, no Python, no make, no network.
//
//   node scripts/build-addon.mjs [--asan | --hostile] [--force] [--quiet]
//
// CXX names the compiler; the default is the first of c++, g++ and clang++ that is there.
// The sources and flags are those of native/sources.json. The result is build/Release/shmwire.node;
//   --asan      build/asan/shmwire.node, with AddressSanitizer and UndefinedBehaviorSanitizer, whose run-time library must be
//               loaded before Node (scripts/asan.mjs)
//   --hostile   build/hostile/hostile.node, the native half of the peer in test/hostile

import { spawn, spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Compilers that run side by side. */
const PROCESSES_MAX = 2
const COMPILERS = ['c++', 'g++', 'clang++']

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** What can be built: from which sources, with which further flags of compiler and linker. */
const TARGETS = {
  shmwire: {
    objects: 'build/direct',
    output: 'build/Release/shmwire.node',
    sources: ({ core, addon }, platform) => [...core, ...platform, ...addon],
    flags: [],
  },
  asan: {
    objects: 'build/asan/direct',
    output: 'build/asan/shmwire.node',
    sources: ({ core, addon }, platform) => [...core, ...platform, ...addon],
    // The checks of virtual tables want run-time type information, and there is no virtual function.
    flags: [
      '-fsanitize=address,undefined',
      '-fno-sanitize=vptr',
      '-fno-sanitize-recover=all',
      '-fno-omit-frame-pointer',
      '-g',
    ],
  },
  hostile: {
    objects: 'build/hostile/direct',
    output: 'build/hostile/hostile.node',
    sources: ({ hostile }) => hostile,
    flags: ['-pthread'],
  },
}

const target = TARGETS[Object.keys(TARGETS).find((name) => process.argv.includes(`--${name}`)) ?? 'shmwire']
const objectDirectory = join(root, target.objects)
const output = join(root, target.output)

class BuildError extends Error {}

function findCompiler() {
  const named = process.env.CXX
  // CXX may hold a launcher and flags, as in make: 'ccache g++'.
  const candidates = named ? [named.trim().split(/\s+/)] : COMPILERS.map((name) => [name])
  for (const [command, ...args] of candidates) {
    const { status, stdout } = spawnSync(command, [...args, '--version'], { encoding: 'utf8' })
    if (status === 0) return { command, args, version: stdout.split('\n')[0] }
  }
  const tried = candidates.map((words) => words.join(' ')).join(', ')
  throw new BuildError(
    `no C++ compiler was found (tried: ${tried}). Install one with C++20, g++ 11 or clang 14 and newer: ` +
      `'apt-get install g++' on Debian and Ubuntu, 'dnf install gcc-c++' on Fedora, 'apk add g++' on Alpine; ` +
      `or name it: CXX=/path/to/g++ node scripts/build-addon.mjs`,
  )
}

function findHeaders() {
  const require = createRequire(join(root, 'package.json'))
  try {
    return require('node-api-headers').include_dir
  } catch (cause) {
    throw new BuildError(`the package node-api-headers is not installed; run 'npm install' in ${root}`, {
      cause,
    })
  }
}

function listHeaders(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return listHeaders(path)
    return path.endsWith('.h') ? [path] : []
  })
}

function modified(path) {
  return existsSync(path) ? statSync(path).mtimeMs : 0
}

function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    child.on('error', reject)
    child.on('close', (code, signal) => {
      if (code === 0) resolve()
      else reject(new BuildError(`${command} ended with ${signal ?? `code ${code}`} on ${args.at(-1)}`))
    })
  })
}

async function runAll(jobs) {
  const queue = [...jobs]
  const worker = async () => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job()
  }
  await Promise.all(Array.from({ length: PROCESSES_MAX }, worker))
}

async function build({ force, log }) {
  const list = JSON.parse(readFileSync(join(root, 'native', 'sources.json'), 'utf8'))
  const platformSources = list.platform[process.platform]
  if (platformSources === undefined) {
    throw new BuildError(
      `there is no native code for ${process.platform}; there is for ${Object.keys(list.platform).join(', ')}`,
    )
  }
  const sources = target.sources(list, platformSources)
  const compiler = findCompiler()
  const headers = findHeaders()
  const flags = [
    ...compiler.args,
    ...list.flags.compile,
    ...target.flags,
    ...list.defines.map((define) => `-D${define}`),
    ...['-I', join(root, 'native'), '-isystem', headers],
  ]

  // Objects of another compiler or other flags are not ours.
  const recipe = JSON.stringify([compiler, flags, list.flags.link, sources])
  const recipePath = join(objectDirectory, 'recipe.json')
  if (force || !existsSync(recipePath) || readFileSync(recipePath, 'utf8') !== recipe) {
    rmSync(objectDirectory, { recursive: true, force: true })
    mkdirSync(objectDirectory, { recursive: true })
    writeFileSync(recipePath, recipe)
  }
  mkdirSync(dirname(output), { recursive: true })

  const headersModified = Math.max(...listHeaders(join(root, 'native')).map(modified))
  const objects = sources.map((source) => join(objectDirectory, `${source.replaceAll('/', '-')}.o`))
  const jobs = sources.flatMap((source, index) => {
    const object = objects[index]
    if (modified(object) > Math.max(modified(join(root, source)), headersModified)) return []
    return [
      async () => {
        log(`compile ${source}`)
        // Under another name first: an interrupted compiler leaves no half object behind.
        await run(compiler.command, [...flags, '-o', `${object}~`, '-c', source])
        renameSync(`${object}~`, object)
      },
    ]
  })
  await runAll(jobs)

  if (jobs.length === 0 && modified(output) > Math.max(...objects.map(modified))) {
    log(`${basename(output)} is up to date`)
    return
  }
  log(`link ${basename(output)} (${compiler.version})`)
  // A process may have the old file mapped: replace it, never write into it.
  await run(compiler.command, [
    ...compiler.args,
    '-shared',
    ...list.flags.link,
    ...target.flags,
    '-o',
    `${output}~`,
    ...objects,
  ])
  renameSync(`${output}~`, output)
}

try {
  const log = process.argv.includes('--quiet') ? () => {} : console.log
  await build({ force: process.argv.includes('--force'), log })
} catch (error) {
  if (!(error instanceof BuildError)) throw error
  console.error(`build-addon: ${error.message}`)
  process.exitCode = 1
}
