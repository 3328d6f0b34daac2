// Runs the tests for arm64 under qemu, child processes included. Needs no rights: docs/decisions/0057-emulation.md.
//
//   npm run test:arm64                                  native tests, and all projects with each version of Node.js
//   npm run test:arm64 -- --node 24.22.0 --project unit,hostile test/unit/link
//
// qemu is ten times slower than the processor, and its memory is that of x64: the explorer and the models have the orders of arm64.
import { parseArgs } from 'node:util'
import { missingForArm64 } from './emulation/arm64-namespace.mjs'
import { NODE_VERSIONS } from './emulation/arm64-node.mjs'
import { buildForArm64, vitestForArm64 } from './emulation/arm64-vitest.mjs'
import { arm64 } from './stages/arm64.mjs'
import { runNode } from './stages/command.mjs'
import { Report } from './stages/report.mjs'

const PROJECTS = ['unit', 'conformance', 'process', 'hostile']

const { values: options, positionals: files } = parseArgs({
  options: { node: { type: 'string' }, project: { type: 'string' } },
  allowPositionals: true,
})
const report = new Report()
const missing = missingForArm64()
if (missing === undefined) await test()
else report.fail('arm64', missing)
report.close()
process.exitCode = report.failed > 0 ? 1 : 0

async function test() {
  if (!report.check('build', await runNode('scripts/build.mjs', ['--ts-only', '--quiet']))) return
  if (options.node === undefined && options.project === undefined) await arm64(report)
  buildForArm64()
  for (const version of options.node?.split(',') ?? NODE_VERSIONS) {
    for (const project of options.project?.split(',') ?? PROJECTS) testProject(version, project)
  }
}

function testProject(version, project) {
  const { ok, report: results, faults } = vitestForArm64(version, ['--project', project, ...files])
  const failed = results.numFailedTests + faults.length
  report.add(`Node.js ${version} for arm64, ${project}`, {
    passed: results.numPassedTests,
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: results.numPendingTests + results.numTodoTests,
    failures: faults,
  })
}
