import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { find, findAny, root, run } from './command.mjs'

const PRESETS = ['release', 'asan-ubsan', 'tsan']

/** Runs the tests of the core with and without sanitizers, and clang-tidy. */
export async function native(report) {
  const missing = missingTools()
  for (const preset of PRESETS) {
    if (missing.length > 0) report.skip(`native tests, ${preset}`, `apt-get install ${missing.join(' ')}`)
    else await testPreset(report, preset)
  }
  await tidy(report, missing)
}

function missingTools() {
  const missing = []
  if (find('cmake') === undefined || find('ctest') === undefined) missing.push('cmake')
  if (findAny('ninja', 'make') === undefined) missing.push('ninja-build')
  if (findAny('c++', 'g++', 'clang++') === undefined) missing.push('g++')
  if (
    !['/usr/include', '/usr/local/include'].some((folder) => existsSync(join(folder, 'doctest/doctest.h')))
  ) {
    missing.push('doctest-dev')
  }
  return missing
}

async function testPreset(report, preset) {
  const name = `native tests, ${preset}`
  // The default of CMake is make.
  const env = find('make') === undefined ? { CMAKE_GENERATOR: 'Ninja' } : {}
  const configured = await run('cmake', ['--preset', preset], { env })
  if (!configured.ok) return report.fail(`${name}: configure`, configured.output)
  const folder = binaryFolder(preset)
  const built = await run('cmake', ['--build', folder, '--parallel', String(availableParallelism())])
  if (!built.ok) return report.fail(`${name}: build`, built.output)
  const scratch = mkdtempSync(join(tmpdir(), 'shmwire-ctest-'))
  try {
    const junit = join(scratch, 'junit.xml')
    const ctest = [
      'ctest',
      '--test-dir',
      folder,
      '--output-on-failure',
      '--no-tests=error',
      '--output-junit',
      junit,
    ]
    const [command, ...args] = [...(await withoutRandomLayout(preset)), ...ctest]
    const { ok, output } = await run(command, args)
    const counts = existsSync(junit)
      ? countJunit(readFileSync(junit, 'utf8'))
      : { passed: 0, failed: 0, skipped: 0 }
    if (!ok && counts.failed === 0) counts.failed = 1
    report.add(name, counts, output)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** ThreadSanitizer of some compilers needs a kernel without much address randomization. Some containers forbid to disable that. */
async function withoutRandomLayout(preset) {
  const setarch = ['setarch', '-R']
  if (preset !== 'tsan' || find('setarch') === undefined) return []
  return (await run('setarch', ['-R', 'true'])).ok ? setarch : []
}

function countJunit(xml) {
  const count = (attribute) =>
    Number(new RegExp(`<testsuite\\b[^>]*?\\b${attribute}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  const [tests, failed, skipped] = [count('tests'), count('failures'), count('skipped') + count('disabled')]
  const skips =
    skipped === 0 ? [] : [`${skipped} of the native tests: run ctest with --verbose for the reasons`]
  return { passed: tests - failed - skipped, failed, skipped, skips }
}

/** The build folder of a preset in CMakePresets.json, which can inherit it. */
function binaryFolder(preset) {
  const { configurePresets } = JSON.parse(readFileSync(join(root, 'CMakePresets.json'), 'utf8'))
  const folderOf = (name) => {
    const entry = configurePresets.find((candidate) => candidate.name === name)
    return entry?.binaryDir ?? [entry?.inherits ?? []].flat().map(folderOf).find(Boolean)
  }
  const folder = folderOf(preset)
  if (folder === undefined) throw new Error(`CMakePresets.json names no binaryDir for ${preset}`)
  const macros = { sourceDir: root.replace(/\/$/, ''), presetName: preset }
  return folder.replace(/\$\{(\w+)\}/g, (macro, name) => macros[name] ?? macro)
}

async function tidy(report, missing) {
  const name = 'clang-tidy'
  const clang = findAny('clang-tidy')
  if (clang === undefined) return report.skip(name, 'apt-get install clang-tidy')
  if (missing.length > 0) return report.skip(name, `apt-get install ${missing.join(' ')}`)
  const folder = binaryFolder('release')
  const database = join(folder, 'compile_commands.json')
  if (!existsSync(database)) return report.fail(name, `there is no ${database}`)
  const known = new Set(JSON.parse(readFileSync(database, 'utf8')).map((entry) => entry.file))
  const files = readdirSync(join(root, 'native'), { recursive: true })
    .map((file) => join(root, 'native', file))
    .filter((file) => known.has(file) && !file.includes('/test/'))
  const count = availableParallelism()
  const groups = Array.from({ length: count }, (_, group) =>
    files.filter((_file, index) => index % count === group),
  )
  const runs = await Promise.all(
    groups.map((group) => run(clang, ['-p', folder, '--quiet', '--warnings-as-errors=*', ...group])),
  )
  report.check(name, {
    ok: runs.every(({ ok }) => ok),
    output: runs.map(({ output }) => output).join('\n'),
  })
}
