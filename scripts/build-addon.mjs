// Compiles the addon with the C++ compiler alone: no Python, no make, no download of Node's headers (docs/decisions/0007).
//
//   node scripts/build-addon.mjs [--asan | --no-external-buffers | --hostile] [--force] [--quiet]
//
// CXX names the compiler. Default: the first of c++, g++ and clang++ that works. native/sources.json has the sources and flags.
// The result is build/Release/shmwire.node, or:
//   --asan      build/asan/shmwire.node, with AddressSanitizer and UndefinedBehaviorSanitizer (scripts/asan.mjs)
//   --no-external-buffers   build/no-external-buffers/shmwire.node, which has no ArrayBuffer over shared memory, as in Electron
//   --hostile   build/hostile/hostile.node, the native half of the peer in test/hostile
//
// The code of the build is that of the command `shmwire build`, in src/cli/build/.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { copyHeaders } from './copy-headers.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const options = new Set(process.argv.slice(2))
const log = options.has('--quiet') ? () => {} : console.log
const force = options.has('--force')

// UndefinedBehaviorSanitizer's check of virtual tables needs run-time type information. GCC's warning about uninitialized values is wrong
// about instrumented code ("Instrumentation Options" in its manual).
const ASAN =
  '-fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all -fno-omit-frame-pointer -g -Wno-maybe-uninitialized'

const typescript = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--ts-only', '--quiet'], {
  stdio: 'inherit',
})
if (typescript.status !== 0) process.exit(1)
copyHeaders(root)
const { buildAddon } = await import('../build/modules/cli/build/build-addon.js')
const { findCompiler } = await import('../build/modules/cli/build/compiler.js')
try {
  const compiler = findCompiler(process.env)
  if (options.has('--hostile')) await buildHostile(compiler)
  else await buildAddon({ root, compiler, force, ...target() }, log)
} catch (error) {
  if (error.name !== 'CommandError') throw error
  console.error(`build-addon: ${error.message}`)
  process.exitCode = 1
}

/** The folders of the objects and the result, and further flags. */
function target() {
  if (options.has('--asan'))
    return { objects: 'build/asan/direct', output: 'build/asan/shmwire.node', flags: ASAN.split(' ') }
  if (options.has('--no-external-buffers'))
    return {
      objects: 'build/no-external-buffers/direct',
      output: 'build/no-external-buffers/shmwire.node',
      flags: ['-include', 'native/test/no_external_buffers.h'],
    }
  return { objects: 'build/direct', output: 'build/Release/shmwire.node' }
}

async function buildHostile({ command }) {
  const { compileUnits } = await import('../build/modules/cli/build/compile-units.js')
  const { commonFlags, readSourceList } = await import('../build/modules/cli/build/source-list.js')
  const list = readSourceList(root)
  const flags = [...commonFlags(list, process.platform), ...list.flags.core, '-pthread']
  const plan = {
    root,
    units: list.hostile.map((source) => ({ source, flags })),
    compile: command,
    link: [...command, '-shared', ...list.flags.link[process.platform], '-pthread'],
    objects: 'build/hostile/direct',
    output: 'build/hostile/hostile.node',
  }
  await compileUnits(plan, log, { force })
}
