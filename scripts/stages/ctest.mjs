import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { find, root, run } from './command.mjs'

/** Builds the native tests of a preset in CMakePresets.json, and runs them. `wrap` changes the command that runs them. */
export async function testPreset(report, preset, { wrap }) {
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
    const [command, ...args] = wrap(ctest)
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

function countJunit(xml) {
  const count = (attribute) =>
    Number(new RegExp(`<testsuite\\b[^>]*?\\b${attribute}="(\\d+)"`).exec(xml)?.[1] ?? 0)
  const [tests, failed, skipped] = [count('tests'), count('failures'), count('skipped') + count('disabled')]
  const skips =
    skipped === 0 ? [] : [`${skipped} of the native tests: run ctest with --verbose for the reasons`]
  return { passed: tests - failed - skipped, failed, skipped, skips }
}

/** The build folder of a preset in CMakePresets.json, which can inherit it. */
export function binaryFolder(preset) {
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
