import { cpSync, mkdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { installToolchain } from '../prebuild/toolchain.mjs'
import { root, run } from '../stages/command.mjs'
import { inArm64Namespace, missingForArm64 } from './arm64-namespace.mjs'
import { exclusion } from './arm64-native.mjs'

const FOLDER = join(root, 'build/cmake/arm64-musl')
const HEADER = 'doctest/doctest.h'

/** Runs the native tests, linked statically for arm64 and musl by the compiler of the prebuilt binaries, under qemu. */
export async function arm64Musl(report) {
  const name = 'native tests, arm64 with musl'
  const missing = missingForArm64()
  if (missing !== undefined) return report.skip(name, missing)
  const cache = join(root, 'build/zig-cache')
  const env = {
    CXX: `${installToolchain(root)} c++ -target aarch64-linux-musl`,
    ZIG_GLOBAL_CACHE_DIR: cache,
    ZIG_LOCAL_CACHE_DIR: cache,
  }
  const configured = await run('cmake', configuration(), { env })
  if (!configured.ok) return report.fail(`${name}: configure`, configured.output)
  const target = ['--target', 'shmwire_test', '--parallel', String(availableParallelism())]
  const built = await run('cmake', ['--build', FOLDER, ...target], { env })
  if (!built.ok) return report.fail(`${name}: build`, built.output)
  const [command, ...args] = inArm64Namespace([join(FOLDER, 'shmwire_test'), ...exclusion()])
  report.check(name, await run(command, args))
}

function configuration() {
  // A copy: the folder of the header has those of glibc too.
  const include = join(FOLDER, 'include')
  mkdirSync(join(include, 'doctest'), { recursive: true })
  cpSync(join('/usr/include', HEADER), join(include, HEADER))
  const variables = {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_AR: '/usr/bin/aarch64-linux-gnu-ar',
    CMAKE_RANLIB: '/usr/bin/aarch64-linux-gnu-ranlib',
    CMAKE_CXX_FLAGS: '-O2',
    CMAKE_EXE_LINKER_FLAGS: '-static',
    DOCTEST_INCLUDE_DIR: include,
  }
  const definitions = Object.entries(variables).map(([name, value]) => `-D${name}=${value}`)
  return ['-S', root, '-B', FOLDER, '--log-level=WARNING', ...definitions]
}
