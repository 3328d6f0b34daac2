// The addon with AddressSanitizer and UndefinedBehaviorSanitizer, in Node: all tests that load it. `npm test` has a part of them.
import { asan } from './stages/asan.mjs'
import { Report } from './stages/report.mjs'

const report = new Report()
await asan(report, { long: true })
report.close()
process.exitCode = report.failed > 0 ? 1 : 0
