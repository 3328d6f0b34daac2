// Builds the binaries that the package ships: prebuilds/<platform>/shmwire.node, and prebuilds/manifest.json. Builds only what is missing or
// older than its sources.
//
//   node scripts/prebuild.mjs [--only <platform>,…] [--check | --pack]
//
//   --only    these platforms (scripts/prebuild/targets.mjs)
//   --check   then builds them again in another folder with empty caches, and fails if a byte differs
//   --pack    for `npm pack`: builds only the binary for Linux x64, and fails if another one is outdated
//
// Needs Linux x64 and npm, and lld for macOS; the compiler comes from npm (docs/decisions/0056).
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { copyHeaders } from './copy-headers.mjs'
import { clearLinkTime } from './prebuild/link-time.mjs'
import { Manifest } from './prebuild/manifest.mjs'
import { TARGETS } from './prebuild/targets.mjs'
import { installToolchain, toolchainVersion } from './prebuild/toolchain.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const { values: options } = parseArgs({
  options: { only: { type: 'string' }, check: { type: 'boolean' }, pack: { type: 'boolean' } },
})
const targets = chosenTargets(options.only)
const toolchain = toolchainVersion(root)

const typescript = spawnSync(process.execPath, [join(root, 'scripts/build.mjs'), '--ts-only', '--quiet'], {
  stdio: ['ignore', 2, 2],
})
if (typescript.status !== 0) process.exit(1)
copyHeaders(root)
const { compileUnits } = await import('../build/modules/cli/build/compile-units.js')
const { inputsHash, linkCommand, planOf } = await import('./prebuild/plan.mjs')

/** The one that `npm pack` builds, because it takes a minute and the tests need it. */
const PACKED = process.platform === 'linux' && process.arch === 'x64' ? 'linux-x64' : undefined

const manifest = new Manifest(root)
const absent = []
for (const target of targets) {
  const inputs = inputsHash(root, planOf(root, target), toolchain)
  if (manifest.isFresh(target.name, inputs)) continue
  if (options.pack && target.name !== PACKED) {
    absent.push(target.name)
    continue
  }
  console.error(
    `prebuild: builds prebuilds/${target.name}/shmwire.node, which is missing or older than its sources`,
  )
  await build(root, target, join(root, 'build/zig-cache'))
  manifest.add(target.name, inputs)
  manifest.write(`zig ${toolchain.version}`)
}
const outdated = absent.filter((name) => manifest.has(name))
if (outdated.length > 0) {
  console.error(
    `prebuild: the binaries for ${outdated.join(', ')} are older than their sources; run 'npm run prebuild', or delete prebuilds/`,
  )
  process.exit(1)
}
if (absent.length > 0)
  console.error(`prebuild: the package has no binary for ${absent.join(', ')}; 'npm run prebuild' builds all`)
for (const { name } of targets) if (!absent.includes(name)) console.error(manifest.describe(name))
if (options.check) await checkReproducible()

function chosenTargets(only) {
  if (only === undefined) return TARGETS
  const names = only.split(',')
  const unknown = names.find((name) => !TARGETS.some((target) => target.name === name))
  if (unknown !== undefined) {
    console.error(
      `prebuild: unknown platform '${unknown}'; there are ${TARGETS.map(({ name }) => name).join(', ')}`,
    )
    process.exit(2)
  }
  return TARGETS.filter(({ name }) => names.includes(name))
}

/** Builds `<folder>/prebuilds/<platform>/shmwire.node` from the sources in `folder`. */
async function build(folder, target, cache) {
  const zig = installToolchain(root)
  const { units, link } = planOf(folder, target)
  const plan = {
    root: folder,
    units,
    compile: [zig, 'c++'],
    link: linkCommand(link, target, zig),
    objects: `build/prebuild/${target.name}`,
    output: `prebuilds/${target.name}/shmwire.node`,
    environment: { ...process.env, ZIG_GLOBAL_CACHE_DIR: cache, ZIG_LOCAL_CACHE_DIR: cache },
  }
  // The inputs changed in a way that times of files may not show, such as another header.
  await compileUnits(plan, () => {}, { force: true })
  if (target.os === 'win32') clearLinkTime(join(folder, plan.output))
}

async function checkReproducible() {
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-prebuild-'))
  try {
    const folder = join(scratch, 'another-folder')
    mkdirSync(folder)
    for (const part of ['native', 'scripts/prebuild'])
      cpSync(join(root, part), join(folder, part), { recursive: true })
    for (const target of targets) {
      await build(folder, target, join(scratch, 'cache'))
      const [first, second] = [root, folder].map((place) =>
        readFileSync(join(place, 'prebuilds', target.name, 'shmwire.node')),
      )
      const isSame = first.equals(second)
      console.error(`${target.name}: ${isSame ? 'two builds have the same bytes' : 'TWO BUILDS DIFFER'}`)
      if (!isSame) process.exitCode = 1
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}
