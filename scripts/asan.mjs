// Runs all tests that load the addon, with AddressSanitizer and UndefinedBehaviorSanitizer. `npm test` runs a part of them.
import { asan } from './stages/asan.mjs'
import { Report } from './stages/report.mjs'

const report = new Report()
await asan(report, { long: true })
report.close()
process.exitCode = report.failed > 0 ? 1 : 0
