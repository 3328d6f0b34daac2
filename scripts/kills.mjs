// Repeatedly kills one of two connected processes at a random moment. docs/failure-model.md has the guarantees.
//   npm run kills                               10,000 kills
//   npm run kills -- --count 300 --seed 7       so many, and the same kills as the run with this seed
// The survivor then connects to the next victim. At the end it must hold the same resources as at the beginning.
// The last line is `N passed, N failed`.
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBits } from '../test/process/children/talk/pattern.mjs'
import { run } from './stages/command.mjs'
import { newSeed, numbersFromArguments } from './talk/arguments.mjs'
import { faultsOfResources, faultsOfSurvivor, readProgress } from './talk/oracle.mjs'
import { describePlans, randomPlans } from './talk/plans.mjs'
import { Talker } from './talk/talker.mjs'

const DELAY_MS_MAX = 40
/** After these, the survivor has run every plan, and its code is compiled. */
const WARM_UP_KILLS = 25
/** The heap also grows by compiled code, 2 MiB in 5,000 kills. A leaked channel would be objects. */
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

/** Runs one survivor with so many victims. Returns the leaks of the survivor. */
async function runLane(kills, laneSeed) {
  const bits = randomBits(laneSeed)
  const root = mkdtempSync(join(tmpdir(), 'sw-'))
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  const survivor = new Talker(directory)
  try {
    let before
    // The next victim starts while this one works.
    let spare = new Talker(directory)
    for (let number = 0; number < kills; number += 1) {
      const victim = spare
      spare = number + 1 < kills ? new Talker(directory) : undefined
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
    listener.tell({ plan: listens })
    await listener.next('listening')
    connector.tell({ plan: connects })
    await Promise.all([victim.next('talking'), survivor.next('talking')])
    await sleep(delayMs)
    const faults = []
    if ((await victim.kill()) !== 'SIGKILL') faults.push(`the victim ended before: ${victim.stderr}`)
    const [account] = (await survivor.next('account')).accounts
    const promises = plans.transport === 'shm'
    faults.push(...victim.faults, ...faultsOfSurvivor(account, promises ? file : undefined))
    if (account.transport !== (promises ? 'shm' : 'unix')) faults.push(`it ran over ${account.transport}`)
    // The next server replaces the files of a killed one, and removes them when it closes.
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
