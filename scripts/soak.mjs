// Two processes exchange messages in all ways for a given time. Each byte is checked.
//   npm run soak                                     a minute
//   npm run soak -- --minutes 600 --seed 7           or --seconds
// If both sides are idle before the end, a wake-up was lost: the conversation fails, and the report has the wake words.
// The last line is `N passed, N failed`, of conversations.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomBits } from '../test/process/children/talk/pattern.mjs'
import { run } from './stages/command.mjs'
import { newSeed, numbersFromArguments } from './talk/arguments.mjs'
import { faultsOfPair, faultsOfSurvivor, readProgress } from './talk/oracle.mjs'
import {
  describePlans,
  gapPlans,
  inProcessPlans,
  randomPlans,
  streamPlans,
  turnPlans,
} from './talk/plans.mjs'
import { Talker } from './talk/talker.mjs'
import { Watch } from './talk/watch.mjs'

const SHOW_EVERY_MS = 10_000
/** The shares of the time. Streams give large numbers of messages, the others find more bugs. */
const KINDS = [
  { plans: streamPlans, share: 0.5 },
  { plans: randomPlans, share: 0.35 },
  { plans: turnPlans, share: 0.08 },
  { plans: gapPlans, share: 0.05 },
  { plans: inProcessPlans, share: 0.02 },
]
/** In a long run. A short run has shorter ones, so that it has some of each. */
const CONVERSATION_MS_MAX = 15_000
const CONVERSATIONS_MIN = 12
const KILLED_OF = 5
const STOPPED_OF = 4
const STOP_MS_MAX = 400

const { minutes, seconds, seed } = numbersFromArguments({
  minutes: undefined,
  seconds: undefined,
  seed: newSeed(),
})
const durationMs = ((minutes ?? 0) * 60 + (seconds ?? (minutes === undefined ? 60 : 0))) * 1000
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`soak of ${durationMs / 1000} s: --seed ${seed}`)

const totals = {
  conversations: 0,
  failed: 0,
  records: 0,
  bytes: 0,
  requests: 0,
  kills: 0,
  stops: 0,
  wakes: 0,
  stalls: 0,
}
const current = { files: [], what: '' }
const bits = randomBits(seed)
const startMs = performance.now()
const ticker = setInterval(() => show(), SHOW_EVERY_MS)
const spentMs = KINDS.map(() => 0)
while (performance.now() - startMs < durationMs) await converseOnce()
clearInterval(ticker)
current.files = []
current.what = 'done'
show()
console.log(`${totals.conversations - totals.failed} passed, ${totals.failed} failed`)
process.exitCode = totals.failed > 0 ? 1 : 0

async function converseOnce() {
  // The plans that are furthest behind their share.
  const behind = KINDS.map(({ share }, index) => spentMs[index] / share)
  const kind = behind.indexOf(Math.min(...behind))
  const lengthMs = Math.min(
    CONVERSATION_MS_MAX,
    durationMs / CONVERSATIONS_MIN,
    durationMs - (performance.now() - startMs),
  )
  const isKilled = KINDS[kind].plans === randomPlans && bits() % KILLED_OF === 0
  const plans = KINDS[kind].plans(bits, isKilled ? null : Math.max(1, lengthMs))
  const begunMs = performance.now()
  const root = mkdtempSync(join(tmpdir(), 'sw-'))
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  current.files = plans.sides.map((side, index) => {
    side.file = join(root, `progress-${index}`)
    return side.file
  })
  current.what = describePlans(plans)
  const talkers =
    plans.transport === 'in-process' ? [new Talker(directory)] : plans.sides.map(() => new Talker(directory))
  let faults
  try {
    faults = await converse(talkers, plans, isKilled ? lengthMs : undefined)
  } catch (error) {
    faults = [error.stack]
  } finally {
    await Promise.all(talkers.map((talker) => talker.kill()))
    rmSync(root, { recursive: true, force: true })
  }
  spentMs[kind] += performance.now() - begunMs
  totals.conversations += 1
  if (faults.length === 0) return
  totals.failed += 1
  console.error(`${describePlans(plans)}:\n  ${faults.join('\n  ')}`)
}

/** Returns the faults. */
async function converse(talkers, plans, killAfterMs) {
  if (plans.transport === 'in-process') talkers[0].tell({ plan: { role: 'both', sides: plans.sides } })
  else {
    talkers[0].tell({ plan: plans.sides[0] })
    await talkers[0].next('listening')
    talkers[1].tell({ plan: plans.sides[1] })
  }
  await Promise.all(talkers.map((talker) => talker.next('talking')))
  const stopped = { now: false }
  const watch = new Watch(talkers, current.files, () => stopped.now)
  const ending =
    killAfterMs === undefined ? endInOrder(talkers, stopped, plans) : endByKill(talkers, plans, killAfterMs)
  // Only the stall is a fault, not the later reports of the killed processes.
  ending.catch(() => {})
  const stall = watch.stalled.then((report) => {
    totals.stalls += 1
    return [report]
  })
  try {
    return await Promise.race([ending, stall])
  } finally {
    watch.stop()
  }
}

async function endInOrder(talkers, stopped, plans) {
  const isStopped = plans.transport !== 'in-process' && bits() % STOPPED_OF === 0
  const stopping = isStopped ? stopOnce(talkers[bits() % 2], stopped, plans.sides[0].durationMs) : undefined
  const accounts = (await Promise.all(talkers.map((talker) => talker.next('account')))).flatMap(
    (said) => said.accounts,
  )
  await stopping
  for (const account of accounts) tally(account)
  return faultsOfPair(accounts)
}

async function endByKill(talkers, plans, killAfterMs) {
  await sleep(fraction() * killAfterMs)
  const doomed = bits() % 2
  await talkers[doomed].kill()
  totals.kills += 1
  const [account] = (await talkers[1 - doomed].next('account')).accounts
  tally(account)
  const committedFile = plans.transport === 'shm' ? plans.sides[doomed].file : undefined
  return [...talkers[doomed].faults, ...faultsOfSurvivor(account, committedFile)]
}

/** Stops a process for a while during a conversation. No message may be lost, and the peer must not consider it dead. */
async function stopOnce(talker, stopped, withinMs) {
  await sleep(fraction() * withinMs * 0.8)
  stopped.now = true
  talker.signal('SIGSTOP')
  totals.stops += 1
  await sleep(1 + fraction() * STOP_MS_MAX)
  talker.signal('SIGCONT')
  stopped.now = false
}

/** In [0, 1). */
function fraction() {
  return bits() / 2 ** 32
}

function tally({ received, answered, stats }) {
  totals.records += received
  totals.requests += answered
  totals.bytes += stats.bytesReceived
  totals.wakes += stats.wakesReceived
}

function show() {
  const { records, bytes, requests, kills, stops, wakes, stalls, conversations, failed } = totals
  const underWay = current.files.reduce((sum, file) => sum + receivedOf(file), 0)
  const counts = [
    `${Math.round((performance.now() - startMs) / 1000)} s`,
    `${(records + underWay).toLocaleString('en')} records, ${(bytes / 1e9).toFixed(1)} GB, ${requests.toLocaleString('en')} requests`,
    `${kills} kills, ${stops} stops, ${wakes.toLocaleString('en')} wake-ups, ${stalls} stalls`,
    `${conversations} conversations, ${failed} failed`,
  ]
  console.log(`${counts.join('; ')}; ${current.what}`)
}

function receivedOf(file) {
  try {
    return readProgress(file).received
  } catch (error) {
    // The conversation has not started yet.
    if (error.code === 'ENOENT') return 0
    throw error
  }
}
