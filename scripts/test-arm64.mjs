// Runs the tests for arm64 under qemu, child processes included. Needs no rights: docs/decisions/0057-emulation.md.
//
//   npm run test:arm64                                  native tests, and all projects with each version of Node.js
//   npm run test:arm64 -- --node 24 --project unit,hostile test/unit/link
//   npm run test:arm64 -- --table                       the newest counts of each file and version, without a test
//
// qemu is ten times slower than the processor, and its memory is that of x64: the explorer and the models have the orders of arm64.
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { missingForArm64 } from './emulation/arm64-namespace.mjs'
import { buildForArm64, vitestForArm64 } from './emulation/arm64-vitest.mjs'
import { runInGroups } from './file-runs/groups.mjs'
import { testFiles } from './file-runs/list.mjs'
import { Results } from './file-runs/results.mjs'
import { MAJORS } from './node-versions.mjs'
import { arm64 } from './stages/arm64.mjs'
import { root, runNode } from './stages/command.mjs'
import { Report } from './stages/report.mjs'

/** Files that start processes run one by one. */
const GROUP_SIZES = { unit: 16, conformance: 1, process: 1, hostile: 1 }

const { values: options, positionals: filters } = parseArgs({
  options: {
    node: { type: 'string' },
    project: { type: 'string' },
    // Of a group of files, in seconds. A test that hangs ends itself earlier.
    limit: { type: 'string', default: '1200' },
    table: { type: 'boolean', default: false },
  },
  allowPositionals: true,
})
const results = new Results(join(root, 'build/arm64/results.json'))
if (options.table) console.log(results.table())
else process.exitCode = (await testAll()) > 0 ? 1 : 0

async function testAll() {
  const report = new Report()
  const missing = missingForArm64()
  if (missing === undefined) await test(report)
  else report.fail('arm64', missing)
  report.close()
  return report.failed
}

async function test(report) {
  if (!report.check('build', await runNode('scripts/build.mjs', ['--ts-only', '--quiet']))) return
  if (options.node === undefined && options.project === undefined) await arm64(report)
  buildForArm64()
  for (const major of options.node?.split(',') ?? MAJORS) {
    for (const project of options.project?.split(',') ?? Object.keys(GROUP_SIZES))
      testProject(report, major, project)
  }
  console.log(`\n${results.table()}`)
}

function testProject(report, major, project) {
  const sum = { passed: 0, failed: 0, skipped: 0, failures: [] }
  runInGroups(testFiles(project, filters), {
    size: GROUP_SIZES[project],
    limitMs: Number(options.limit) * 1000,
    vitest(files, limitMs) {
      const { faults, ...result } = vitestForArm64(major, project, files, limitMs)
      sum.failed += faults.length
      sum.failures.push(...faults)
      return result
    },
    record(outcome) {
      results.add(major, outcome)
      for (const name of ['passed', 'failed', 'skipped']) sum[name] += outcome[name]
      sum.failures.push(...outcome.failures.map((failure) => `${outcome.file}: ${failure.split('\n')[0]}`))
    },
  })
  report.add(`Node.js ${major} for arm64, ${project}`, sum)
}
