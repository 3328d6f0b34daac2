// Kills one of two processes that talk, at any moment, again and again; docs/failure-model.md says what must hold.
//   npm run kills                               10,000 kills
//   npm run kills -- --count 300 --seed 7       so many, and the same ones as in the run that printed this seed
// The survivor lives on and has the next exchange; at the end it must hold what it held at the beginning.
// The last line is `N passed, N failed`.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'
import { faultsOfResources, faultsOfSurvivor, readProgress } from './soak/oracle.mjs'
import { describePlans, randomPlans } from './soak/plans.mjs'
import { SoakChild } from './soak/soak-child.mjs'
import { run } from './stages/command.mjs'

const DELAY_MS_MAX = 40
/** Then the survivor has met every way of talking, and its code is compiled. */
const WARM_UP_KILLS = 25
/** The heap also has the code that the engine goes on compiling, 2 MiB in 5,000 exchanges; a channel that were kept would be objects. */
const NOISE = { heapBytes: 4 * 1024 * 1024, objects: 100 }
const SHOW_EVERY_MS = 10_000

const { count, seed } = numbersFromArguments({ count: 10_000, seed: newSeed() })
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`${count} kills: --seed ${seed}`)

const totals = { kills: 0, failed: 0, promised: 0, received: 0, byWay: new Map() }
const startMs = performance.now()
const ticker = setInterval(() => show(), SHOW_EVERY_MS)
const lanes = Math.min(2, availableParallelism(), count)
const perLane = Array.from({ length: lanes }, (_, lane) => Math.floor((count + lane) / lanes))
const resourceFaults = await Promise.all(perLane.map((kills, lane) => runLane(kills, seed + lane)))
clearInterval(ticker)
show()
for (const [way, kills] of [...totals.byWay].toSorted(([one], [other]) => one.localeCompare(other)))
  console.log(`  ${kills} × ${way}`)
for (const fault of resourceFaults.flat()) console.error(`after the kills: ${fault}`)
const failed = totals.failed + resourceFaults.filter((faults) => faults.length > 0).length
const passed = totals.kills - totals.failed + resourceFaults.filter((faults) => faults.length === 0).length
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || totals.promised === 0 ? 1 : 0

/** One survivor and as many victims. Returns what it holds at the end and should not. */
async function runLane(kills, laneSeed) {
  const bits = randomBits(laneSeed)
  const root = mkdtempSync(join(tmpdir(), 'sw-'))
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  const survivor = new SoakChild(directory)
  try {
    let before
    // The next victim starts while this one is at work.
    let spare = new SoakChild(directory)
    for (let number = 0; number < kills; number += 1) {
      const victim = spare
      spare = number + 1 < kills ? new SoakChild(directory) : undefined
      const plans = randomPlans(bits, null)
      const faults = await killOne({ survivor, victim, directory, plans, bits, file: join(root, 'progress') })
      totals.kills += 1
      if (faults.length > 0) {
        totals.failed += 1
        console.error(`seed ${laneSeed}, kill ${number}, ${describePlans(plans)}:\n  ${faults.join('\n  ')}`)
      }
      if (number + 1 === Math.min(WARM_UP_KILLS, kills)) before = await survivor.resources()
    }
    const after = await survivor.resources()
    console.log(`survivor of seed ${laneSeed}: ${describeHeap(before)} before, ${describeHeap(after)} after`)
    return faultsOfResources(before, after, kills, NOISE)
  } finally {
    await survivor.kill()
    rmSync(root, { recursive: true, force: true })
  }
}

function describeHeap({ heap, objects }) {
  return JSON.stringify({ ...heap, objects })
}

async function killOne({ survivor, victim, directory, plans, bits, file }) {
  const victimListens = bits() % 2 === 0
  const delayMs = (bits() % (DELAY_MS_MAX * 1000)) / 1000
  const [listener, connector] = victimListens ? [victim, survivor] : [survivor, victim]
  const [listens, connects] = plans.sides
  const doomed = victimListens ? listens : connects
  doomed.file = file
  try {
    listener.send({ plan: listens })
    await listener.next('listening')
    connector.send({ plan: connects })
    await Promise.all([victim.next('running'), survivor.next('running')])
    await sleep(delayMs)
    const faults = []
    if ((await victim.kill()) !== 'SIGKILL') faults.push(`the victim ended before: ${victim.stderr}`)
    const [account] = (await survivor.next('account')).accounts
    const promises = plans.transport === 'shm'
    faults.push(...victim.faults, ...faultsOfSurvivor(account, promises ? file : undefined))
    if (account.transport !== (promises ? 'shm' : 'unix')) faults.push(`it ran over ${account.transport}`)
    // What a killed server leaves behind is replaced by the next one, and taken away by its close.
    if (!victimListens && readdirSync(directory).length > 0)
      faults.push(`left: ${readdirSync(directory).join(' ')}`)
    tally(victimListens ? 'server' : 'client', doomed, plans, account, file)
    return faults
  } catch (error) {
    await victim.kill()
    throw new Error(`in ${describePlans(plans)}`, { cause: error })
  }
}

function tally(role, doomed, { transport }, account, file) {
  totals.promised += readProgress(file).sent
  totals.received += account.received
  const way = `${role}, ${transport}, ${doomed.receive === 'blocking' ? 'blocking' : 'event loop'}, ${doomed.options.wait}`
  totals.byWay.set(way, (totals.byWay.get(way) ?? 0) + 1)
}

function show() {
  const seconds = Math.round((performance.now() - startMs) / 1000)
  console.log(
    `${seconds} s: ${totals.kills} kills, ${totals.failed} failed, ${totals.received} messages received whole`,
  )
}
