import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { findAny, root, run, runNode } from './command.mjs'

/** Checks format, lint, types, and the rules of this repository. Each tool counts as one test. */
export async function check(report) {
  report.check('biome', await runNode('node_modules/@biomejs/biome/bin/biome', ['check', '--colors=off']))
  report.check('oxlint', await runNode('node_modules/oxlint/bin/oxlint', ['--type-aware', '--deny-warnings']))
  report.check('tsc, sources and tests', await runNode('node_modules/typescript/bin/tsc', ['-p', 'test']))
  report.check(
    'tsc, the page of the monitor',
    await runNode('node_modules/typescript/bin/tsc', ['-p', 'src/cli/monitor/page']),
  )
  report.check('check-tree', await runNode('scripts/check-tree.mjs', []))
  report.check('check-sync', await runNode('scripts/check-sync.mjs', []))
  report.check('check-words', await runNode('scripts/check-words.mjs', []))
  report.check('figures', await runNode('scripts/figures.mjs', ['--check']))
  const knip = 'node_modules/knip/bin/knip.js'
  report.check('knip', await runNode(knip, ['--no-progress']))
  // Every file in src/ is part of what the package exports.
  report.check('knip, exports', await runNode(knip, ['--no-progress', '--production', '--include', 'files']))
  await clangFormat(report)
}

async function clangFormat(report) {
  const clang = findAny('clang-format')
  if (clang === undefined) return report.skip('clang-format', 'apt-get install clang-format')
  const files = readdirSync(join(root, 'native'), { recursive: true }).filter((file) =>
    /^(?!include\/).*\.(h|cc)$/.test(file),
  )
  const paths = files.map((file) => join('native', file))
  report.check('clang-format', await run(clang, ['--dry-run', '--Werror', ...paths]))
}
