// Kills one of two processes during an exchange, at random moments; docs/failure-model.md states the requirements.
//   npm run kills                               10,000 kills
//   npm run kills -- --count 300 --seed 7       300 kills, the same ones as in the run that printed this seed
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
/** By then the survivor has run every type of exchange, and its code is compiled. */
const WARM_UP_KILLS = 25
/** The heap also holds compiled code, 2 MiB more after 5,000 exchanges; a leaked channel would add objects. */
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

/** Runs one survivor with this many victims. Returns its leaked resources. */
async function runLane(kills, laneSeed) {
  const bits = randomBits(laneSeed)
  const root = mkdtempSync(join(tmpdir(), 'sw-'))
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  const survivor = new SoakChild(directory)
  try {
    let before
    // The next victim starts while this one runs.
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
    // The next server replaces the files of a killed server, and removes them when it closes.
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
