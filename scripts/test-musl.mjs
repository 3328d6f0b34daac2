// Runs the tests for musl: Bun on musl with Node.js on glibc, and the native tests for arm64 with musl under qemu.
//
//   npm run test:musl

import { arm64Musl } from './emulation/arm64-musl.mjs'
import { missingForMusl } from './emulation/musl-bun.mjs'
import { runNode } from './stages/command.mjs'
import { musl } from './stages/musl.mjs'
import { Report } from './stages/report.mjs'

const report = new Report()
const missing = missingForMusl()
if (missing !== undefined) report.fail('musl', missing)
else if (report.check('build', await runNode('scripts/build.mjs', ['--ts-only', '--quiet']))) {
  await musl(report)
  await arm64Musl(report)
}
report.close()
process.exitCode = report.failed > 0 ? 1 : 0
