import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { find, findAny, root, run } from './command.mjs'
import { binaryFolder, testPreset } from './ctest.mjs'

const PRESETS = ['release', 'asan-ubsan', 'tsan']

/** Runs the tests of the core with and without sanitizers, and clang-tidy. */
export async function native(report) {
  const missing = missingTools()
  for (const preset of PRESETS) {
    if (missing.length > 0) report.skip(`native tests, ${preset}`, `apt-get install ${missing.join(' ')}`)
    else await testPreset(report, preset, { wrap: await withoutRandomLayout(preset) })
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

/** ThreadSanitizer of some compilers needs a kernel without much address randomization. Some containers forbid to disable that. */
async function withoutRandomLayout(preset) {
  const isPossible =
    preset === 'tsan' && find('setarch') !== undefined && (await run('setarch', ['-R', 'true'])).ok
  return (command) => (isPossible ? ['setarch', '-R', ...command] : command)
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
