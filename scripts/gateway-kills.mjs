// Kills a service, the gateway in front of it and its clients of gRPC in rotation, during calls of all kinds.
//   npm run gateway-kills                               1,000 kills
//   npm run gateway-kills -- --count 40 --seed 7        40 kills, the same ones as in the run that printed this seed
// docs/failure-model.md states the requirements. The last line is `N passed, N failed`.
import { fork } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'
import { run } from './stages/command.mjs'

const CHILDREN = fileURLToPath(new URL('../test/process/children/gateway-kills/', import.meta.url))
const DESCRIPTORS = fileURLToPath(new URL('../test/support/proto/tests.binpb', import.meta.url))
const ADDON = fileURLToPath(new URL('../build/Release/shmwire.node', import.meta.url))
const SHOW_EVERY_MS = 10_000
/** Packages that are not modules use `require`. */
const REQUIRE = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"

const { count, seed } = numbersFromArguments({ count: 1_000, seed: newSeed() })
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`${count} kills: --seed ${seed}`)

const root = mkdtempSync(join(tmpdir(), 'sw-'))
const bundle = join(root, 'process.mjs')
// One file loads in a third of the time of all modules.
await build({
  entryPoints: [join(CHILDREN, 'process.mjs')],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  format: 'esm',
  banner: { js: REQUIRE },
  logLevel: 'error',
})

const totals = { kills: 0, failed: 0 }
const calls = { answered: 0, unavailable: 0, no: 0, cancelled: 0, executed: 0, cancelledByKill: 0 }
/** By the role of the victim: what must not be 0 at the end. */
const effects = {}
/** Of a process that lived on: the kills meanwhile, and the growth of its heap. */
const growths = []
const endMs = []
const recoverMs = []
const startMs = performance.now()
const ticker = setInterval(show, SHOW_EVERY_MS)
const faults = await runOrchestrator()
clearInterval(ticker)
rmSync(root, { recursive: true, force: true })
show()
for (const { role, kills, objects, bytes } of growths)
  console.log(
    `the ${role} held ${objects} objects (${Math.round(bytes / 1024)} KiB) more after ${kills} kills`,
  )
for (const fault of faults) console.error(`after the kills: ${fault}`)
const failed = totals.failed + (faults.length > 0 ? 1 : 0)
console.log(`${totals.kills - totals.failed + (faults.length > 0 ? 0 : 1)} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** Resolves to the faults that are not of one kill. */
function runOrchestrator() {
  const directory = join(root, 'run')
  const files = join(root, 'files')
  for (const folder of [directory, files]) mkdirSync(folder, { mode: 0o700 })
  const child = fork(
    join(CHILDREN, 'orchestrator.mjs'),
    [bundle, DESCRIPTORS, count, seed, files].map(String),
    {
      execArgv: ['--expose-gc', '--disable-warning=ExperimentalWarning'],
      env: { ...process.env, SHMWIRE_DIR: directory, SHMWIRE_ADDON: ADDON },
    },
  )
  const found = []
  child.on('message', (report) => {
    if ('after' in report) {
      found.push(...report.after)
      growths.push(...(report.growth ?? []))
    } else tally(report)
  })
  return new Promise((resolve) => {
    child.once('close', (code) => {
      if (code !== 0) found.push(`the orchestrator ended with ${code}`)
      resolve([...found, ...missing()])
    })
  })
}

function tally(report) {
  totals.kills += 1
  endMs.push(report.tookMs)
  recoverMs.push(report.recoverMs)
  for (const name of Object.keys(calls)) calls[name] += report.tally[name]
  growths.push(...report.growth)
  const { role } = report
  effects[role] ??= { answered: 0, unavailable: 0, cancelledByKill: 0 }
  for (const name of Object.keys(effects[role])) effects[role][name] += report.tally[name]
  if (report.faults.length === 0) return
  totals.failed += 1
  console.error(
    `seed ${seed}, kill ${report.kill} of the ${role}: ${report.faults.length} faults\n  ${report.faults.slice(0, 10).join('\n  ')}`,
  )
}

/** A run without these has tested nothing. */
function missing() {
  const absent = []
  if (totals.kills !== count) absent.push(`${totals.kills} kills instead of ${count}`)
  const needs = {
    service: ['answered', 'unavailable'],
    gateway: ['answered', 'unavailable', 'cancelledByKill'],
    'grpc-js client': ['answered', 'cancelledByKill'],
    'shmwire client': ['answered', 'cancelledByKill'],
  }
  for (const [role, names] of Object.entries(needs))
    for (const name of names)
      if (!(effects[role]?.[name] > 0)) absent.push(`kills of the ${role} had no effect: ${name} is 0`)
  if (calls.no === 0) absent.push(`no call was reported as executed: 'no'`)
  return absent
}

function show() {
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(
    `${seconds} s: ${totals.kills} kills, ${totals.failed} failed; calls: ${calls.answered} answered, ` +
      `${calls.unavailable} UNAVAILABLE (${calls.no} not executed), ${calls.cancelled} cancelled, ${calls.executed} executed; ` +
      `${calls.cancelledByKill} handlers ended by kills; all had ended after ${range(endMs)}, calls succeeded again ${range(recoverMs)} after the start`,
  )
}

function range(times) {
  const sorted = times.toSorted((one, other) => one - other)
  const at = (share) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(1)
  return `${at(0.5)} ms (median), ${at(1)} ms (longest)`
}
