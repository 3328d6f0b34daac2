import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { installTarball, pack } from '../installs/pack.mjs'
import { builtFromPackage } from './built-from-package.mjs'
import { bundlers } from './bundlers.mjs'
import { root, run, runNode } from './command.mjs'
import { installs } from './installs.mjs'
import { runtimes } from './runtimes.mjs'
import { testRunners } from './test-runners.mjs'

const TARBALL_BYTES_MAX = 3_000_000

/** Tests the packed tarball like a user: installed into an empty folder, without scripts. */
export async function packageStage(report) {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return report.skip('the package', 'is built on Linux on x64')
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-package-'))
  try {
    const tarball = await pack(report, scratch)
    if (tarball === undefined) return
    report.check('the tarball has at most 3 MB', sizeOf(tarball))
    report.check('publint', await runNode('node_modules/publint/src/cli.js', ['run', tarball, '--strict']))
    // The rule requires a copy in CommonJS, although Node.js loads ES modules by `require`; docs/runtimes.md has the reason why there is none.
    // All other rules hold for every resolver, also those that do not know `exports`.
    const attw = ['--ignore-rules', 'cjs-resolves-to-esm', '--no-color', '--no-emoji', tarball]
    report.check('attw', await runNode('node_modules/@arethetypeswrong/cli/dist/index.js', attw))
    await useInstalled(report, scratch, tarball)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

async function useInstalled(report, scratch, tarball) {
  if (!(await installTarball(report, scratch, tarball))) return
  const folder = join(scratch, 'node_modules/shmwire')
  report.check('the contents of the package', contents(folder))
  cpSync(join(root, 'test/package'), scratch, { recursive: true })
  const env = { SHMWIRE_DIR: join(scratch, 'run') }
  mkdirSync(env.SHMWIRE_DIR, { mode: 0o700 })
  for (const script of ['import.mjs', 'require.cjs']) {
    const used = await run(process.execPath, [script], { cwd: scratch, env })
    // The script prints the transport.
    report.check(`${script} exchanges messages${used.ok ? ` by ${used.output.trim()}` : ''}`, used)
  }
  const doctor = await run(join(scratch, 'node_modules/.bin/shmwire'), ['doctor'], { cwd: scratch, env })
  report.check('shmwire doctor exchanges messages through shared memory', doctor)
  await testRunners(report, scratch, env)
  await bundlers(report, scratch, env)
  await runtimes(report, scratch)
  await installs(report, tarball)
  // With all checks for the declarations, and no other package than the types of Node.
  symlinkSync(join(root, 'node_modules/@types'), join(scratch, 'node_modules/@types'))
  report.check(
    'its types',
    await runNode('node_modules/typescript/bin/tsc', ['-p', scratch], { cwd: scratch }),
  )
  await builtFromPackage(report, scratch, env)
}

function sizeOf(tarball) {
  const { size } = statSync(tarball)
  return { ok: size <= TARBALL_BYTES_MAX, output: `${size} bytes` }
}

function contents(folder) {
  const files = readdirSync(folder, { recursive: true }).map(String)
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const faults = []
  for (const file of [
    'LICENSE',
    'README.md',
    'CHANGELOG.md',
    'THIRD_PARTY_NOTICES',
    'dist/index.js',
    'dist/index.d.ts',
    'dist/cli/main.js',
    ...['index.html', 'page.js', 'page.css', 'icon.svg'].map((name) => `dist/cli/monitor/page/${name}`),
    'dist/cli/peer/peer.js',
    'dist/observe/otel/index.js',
    'dist/observe/otel/index.d.ts',
    'dist/resilience/index.js',
    'dist/resilience/index.d.ts',
    'dist/service/proto/index.js',
    'dist/service/proto/index.d.ts',
    'dist/testing/index.js',
    'dist/testing/index.d.ts',
    'proto/google/api/annotations.proto',
    'proto/google/api/http.proto',
    ...['http', 'port', 'stream'].flatMap((name) => [`dist/adapter/${name}.js`, `dist/adapter/${name}.d.ts`]),
    `prebuilds/${process.platform}-${process.arch}/shmwire.node`,
    'prebuilds/manifest.json',
    ...nativeFiles(),
  ]) {
    if (!files.includes(file)) faults.push(`${file} is missing`)
  }
  // A binding.gyp makes npm compile at install.
  for (const file of files) {
    if (/binding\.gyp$|^node_modules|^native\/(test|fuzz)|^src|\.test\./.test(file))
      faults.push(`${file} must not be packed`)
  }
  for (const kind of ['dependencies', 'optionalDependencies']) {
    if (Object.keys(manifest[kind] ?? {}).length > 0) faults.push(`there are ${kind}`)
  }
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (manifest.scripts?.[script] !== undefined) faults.push(`there is a script '${script}'`)
  }
  return { ok: faults.length === 0, output: faults.join('\n') }
}

/** The files that `shmwire build` reads. */
function nativeFiles() {
  const list = JSON.parse(readFileSync(join(root, 'native/sources.json'), 'utf8'))
  const headers = ['node_api.h', 'napi.h'].map((header) => `native/include/${header}`)
  return [
    'native/sources.json',
    ...headers,
    ...list.core,
    ...Object.values(list.platform).flat(),
    ...list.addon,
  ]
}
