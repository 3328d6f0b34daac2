// Kills processes during calls of all kinds, in both directions; docs/failure-model.md states the requirements.
//   npm run call-kills                               10,000 kills
//   npm run call-kills -- --count 300 --seed 7       300 kills, the same ones as in the run that printed this seed
// Each link has a survivor, which lives on: at the end it must hold what it held at the beginning.
// The last line is `N passed, N failed`.
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { LINKS } from '../test/process/children/call-kills/links.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'
import { run } from './stages/command.mjs'

const CHILDREN = fileURLToPath(new URL('../test/process/children/call-kills/', import.meta.url))
const ADDON = fileURLToPath(new URL('../build/Release/shmwire.node', import.meta.url))
const SHOW_EVERY_MS = 10_000

const { count, seed } = numbersFromArguments({ count: 10_000, seed: newSeed() })
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`${count} kills: --seed ${seed}`)

const totals = { kills: 0, failed: 0, answered: 0, no: 0, unknown: 0, executed: 0 }
const tookMs = []
const root = mkdtempSync(join(tmpdir(), 'sw-'))
const victim = join(root, 'victim.mjs')
// One file loads in a third of the time of all modules.
await build({
  entryPoints: [join(CHILDREN, 'victim.mjs')],
  outfile: victim,
  bundle: true,
  platform: 'node',
  format: 'esm',
  logLevel: 'error',
})
const startMs = performance.now()
const ticker = setInterval(show, SHOW_EVERY_MS)
const links = Object.keys(LINKS)
const ends = await Promise.all(
  links.map((link, index) => runSurvivor(link, Math.floor((count + index) / links.length), seed + index)),
)
clearInterval(ticker)
rmSync(root, { recursive: true, force: true })
show()
const unclean = ends.filter((faults) => faults.length > 0).length
const failed = totals.failed + unclean
console.log(`${totals.kills - totals.failed + ends.length - unclean} passed, ${failed} failed`)
// Calls of each outcome, or the run has tested nothing.
const isComplete =
  totals.kills === count && [totals.answered, totals.no, totals.unknown].every((calls) => calls > 0)
process.exitCode = failed > 0 || !isComplete ? 1 : 0

/** Resolves to the faults that are not of one kill. */
function runSurvivor(link, kills, linkSeed) {
  const directory = join(root, link)
  const files = join(root, `${link}-files`)
  for (const folder of [directory, files]) mkdirSync(folder, { mode: 0o700 })
  const child = fork(join(CHILDREN, 'survivor.mjs'), [victim, link, kills, linkSeed, files].map(String), {
    execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
    env: { ...process.env, SHMWIRE_DIR: directory, SHMWIRE_ADDON: ADDON },
  })
  const faults = []
  child.on('message', (report) => {
    if ('after' in report) faults.push(...report.after)
    else tally(link, linkSeed, report)
  })
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) faults.push(`the survivor ended with ${code}`)
      for (const fault of faults) console.error(`${link}: after the kills: ${fault}`)
      resolve(faults)
    })
  })
}

function tally(link, linkSeed, report) {
  totals.kills += 1
  for (const [name, calls] of Object.entries(report.tally)) totals[name] += calls
  tookMs.push(report.tookMs)
  if (report.faults.length === 0) return
  totals.failed += 1
  const what = `${link}, seed ${linkSeed}, kill ${report.kill} of a ${report.role}${report.isBlocked ? ', blocked' : ''}`
  console.error(`${what}:\n  ${report.faults.slice(0, 10).join('\n  ')}`)
}

function show() {
  const seconds = (performance.now() - startMs) / 1000
  const sorted = tookMs.toSorted((one, other) => one - other)
  const at = (share) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
  console.log(
    `${Math.round(seconds)} s: ${totals.kills} kills, ${totals.failed} failed; calls: ${totals.answered} answered, ` +
      `${totals.unknown} ended as unknown, ${totals.no} as not executed, ${totals.executed} executed by survivors; ` +
      `all had ended after ${at(0.5)} ms (median), ${at(1)} ms (longest)`,
  )
}
