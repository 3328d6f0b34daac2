// A day of load in ten minutes: a service, its gateways, topics and a durable queue, with kills, slow clients, a full disk and clock jumps.
//   npm run load                                      ten minutes
//   npm run load -- --minutes 1 --seed 7              the short form; the same events as in the run that printed this seed
//   npm run load -- --report docs/load.md             the report as Markdown, or as JSON if the name ends so
// docs/load.md says what is checked. The last line is `N passed, N failed`, of checks.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { Clock } from './load/clock.mjs'
import { Disk, enterNamespace } from './load/disk.mjs'
import { describeMachine } from './load/machine.mjs'
import { figuresOf, sectionsOf } from './load/report.mjs'
import { asText, writeReport } from './load/report-forms.mjs'
import { newSeed, optionsFromArguments } from './soak/arguments.mjs'
import { run as runProgram } from './stages/command.mjs'

const MINUTE_MS = 60_000

const { minutes, seed, report } = optionsFromArguments({
  numbers: { minutes: 10, seed: newSeed() },
  texts: ['report'],
})
if (process.platform !== 'linux') {
  console.log('skipped: the run reads what Linux knows of its processes\n0 passed, 0 failed, 1 skipped')
  process.exit()
}
await enterNamespace()
const built = await runProgram(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
// They load what was just built.
const { runDay } = await import('./load/run.mjs')
const { judge, outcomesOf } = await import('./load/verdict.mjs')

console.log(`a day in ${minutes} minutes: --seed ${seed}`)
const machine = describeMachine()
const bits = randomBits(seed)
const root = mkdtempSync(join(tmpdir(), 'sw-'))
process.env.SHMWIRE_DIR = join(root, 'run')
const disk = new Disk(join(root, 'disk'))
const clock = new Clock(root)
try {
  const run = await runDay({
    root,
    durationMs: minutes * MINUTE_MS,
    below: (limit) => bits() % limit,
    disk,
    clock,
  })
  const verdict = judge(run)
  const all = { minutes, seed, machine, run, verdict, outcomes: outcomesOf(run) }
  const sections = sectionsOf(all)
  console.log(asText(sections))
  if (report !== undefined) writeReport(report, sections, figuresOf(all))
  const failed = verdict.checks.filter(({ faults }) => faults.length > 0).length
  console.log(`${verdict.checks.length - failed} passed, ${failed} failed`)
  process.exitCode = failed > 0 ? 1 : 0
} finally {
  disk.remove()
  rmSync(root, { recursive: true, force: true })
}
