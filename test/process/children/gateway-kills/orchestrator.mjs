// Kills the processes of a run and checks those that live: scripts/gateway-kills.mjs runs it.
//   orchestrator.mjs <file of the processes> <descriptor set> <kills> <seed> <directory>     in a process with --expose-gc
// It is also a client. It reports { kill, role, faults, … } after each kill, over process.send, and { after: faults } at the end.
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { faultsOfResources } from '../call-kills/resources.mjs'
import { randomBits } from '../soak/pattern.mjs'
import { SpareProcesses } from '../spare-processes.mjs'
import { Child } from './child.mjs'
import { Ledger } from './ledger.mjs'
import { runOrders } from './orders.mjs'

/** Expected: at most two seconds, or ten on a machine with eight times the load. Only a hang reaches it. */
const WATCHDOG_MS = 60_000
const OPEN_WATCHDOG_MS = 1_000
const OPEN_SHOWN = 20
const DELAY_MS_MAX = 20
const DOWN_MS_MAX = 100
const LANES = [6, 12, 24]
const BURST = 150
const BURST_OF = 4
/** Kills of an epoch, in which one role lives on. Its memory is compared after the warm-up. */
const EPOCH_KILLS_MAX = 50
const EPOCH_KILLS_MIN = 6
/** The share of an epoch after which the memory is measured. */
const WARM_UP_OF = 3
/** Outside the ports that the kernel selects for clients: a client that connects to such a port can connect to itself. */
const PORTS = [20_000, 30_000]

const SERVICE = 'gateway-kills'
const CLIENTS = ['grpc-js client', 'shmwire client']
/** The client of this process. */
const LASTING = 'waiting client'
const ABORTED = 'ERR_SHMWIRE_ABORTED'
/** The reasons of the signals of handlers when a process of this role was killed. */
const REASONS = {
  gateway: 'ERR_SHMWIRE_PEER_GONE',
  'grpc-js client': ABORTED,
  'shmwire client': ABORTED,
}
const VICTIMS = ['service', 'gateway', ...CLIENTS]

const [file, descriptors, killsText, seedText, directory] = process.argv.slice(2)
const kills = Number(killsText)
const bits = randomBits(Number(seedText))
const pick = (values) => values[bits() % values.length]

const faults = []
const ledger = new Ledger()
const processes = new SpareProcesses(() => new Child(file))
const port = await freePort()
/** By role: the process, or this one. */
const live = new Map()
/** The resources of each role while no call is open. They are the same for each process of the role. */
const expected = new Map()
let incarnations = 0
const ledgerFile = join(directory, 'executed')

const own = runOrders()
live.set(LASTING, { order: (name, parts) => own({ order: name, ...parts }) })
await startServers()
for (const role of CLIENTS) await start(role)
await order('waiting client', 'begin', {
  role: 'waiting client',
  descriptors,
  port,
  prefix: 'w.',
  seed: bits(),
})
const callers = [...CLIENTS, LASTING]
await each(callers, 'recover')
await each(callers, 'outcomes')
readLedger()
ledger.endRound('')
await checkHeld()

const epochKills = Math.max(EPOCH_KILLS_MIN, Math.min(EPOCH_KILLS_MAX, Math.ceil(kills / VICTIMS.length)))
const warmUpKills = Math.floor(epochKills / WARM_UP_OF)
let spared
/** The memory of the role that is spared, and of this process. */
let sparedBefore
let ownBefore
for (let number = 0; number < kills; number += 1) {
  const inEpoch = number % epochKills
  if (inEpoch === 0) spared = VICTIMS[(number / epochKills) % VICTIMS.length]
  const victims = VICTIMS.filter((role) => role !== spared)
  const report = await killOne(victims[number % victims.length])
  if (inEpoch === warmUpKills) {
    sparedBefore = await order(spared, 'memory')
    ownBefore ??= await order(LASTING, 'memory')
  }
  const isLast = inEpoch === epochKills - 1 || number === kills - 1
  if (isLast && inEpoch > warmUpKills)
    await checkMemory(spared, sparedBefore, inEpoch - warmUpKills, report.growth)
  process.send({ ...report, kill: number, faults: faults.splice(0) })
}
const growth = []
if (ownBefore === undefined) faults.push('the run was too short to compare the memory')
else await checkMemory(LASTING, ownBefore, kills - warmUpKills - 1, growth)
process.send({ after: faults, growth })
for (const role of VICTIMS) await live.get(role).kill()
await processes.end()
process.exit()

/** One round: calls begin, a process is killed, the others are checked, another one replaces it, and all calls end. */
async function killOne(victim) {
  const affectsClients = victim === 'service' || victim === 'gateway'
  const survivors = affectsClients ? CLIENTS : []
  await each(callers, 'start', () => ({ lanes: pick(LANES) }))
  await each(callers, 'recover')
  await each(survivors, 'limit')
  if (bits() % BURST_OF === 0) await each(survivors, 'burst', () => ({ count: BURST }))
  await sleep((bits() % (DELAY_MS_MAX * 1000)) / 1000)
  const { prefix } = live.get(victim)
  await live.get(victim).kill()
  const killedMs = performance.now()
  await each([...survivors, LASTING], 'mark')
  const ends = survivors.map((role) => order(role, 'marked'))
  if (victim !== 'service')
    ends.push(order('service', 'ended', { prefix: victim === 'gateway' ? '' : prefix }))
  const allEnded = Promise.all(ends).then(() => performance.now() - killedMs)
  if (bits() % 2 === 0) await sleep(bits() % DOWN_MS_MAX)
  await restart(victim)
  const startedMs = performance.now()
  const tookMs = await allEnded
  await Promise.all([order(LASTING, 'marked'), each(callers, 'recover')])
  const recoverMs = performance.now() - startedMs
  const cancelledByKill = await checkCancelled(REASONS[victim])
  await each(callers, 'stop')
  await order('service', 'ended', { prefix: '' })
  await checkCancelled(ABORTED)
  await checkHeld()
  const tally = { ...(await checkOutcomes(victim, prefix)), cancelledByKill }
  return { role: victim, tookMs, recoverMs, tally, growth: [] }
}

/** Checks the calls of a round, all of which have ended. */
async function checkOutcomes(victim, prefix) {
  const tally = { answered: 0, cancelled: 0, unavailable: 0, no: 0, executed: 0 }
  const outcomes = await Promise.all(callers.map((role) => order(role, 'outcomes')))
  readLedger()
  callers.forEach((role, index) => {
    faults.push(...ledger.faultsOf(outcomes[index], role, victim, tally))
  })
  faults.push(...ledger.endRound(prefix))
  return tally
}

/** Resolves to the number of handlers that ended early since the last time, which must all have this reason. */
async function checkCancelled(expectedReason) {
  const { [expectedReason]: count = 0, ...others } = await order('service', 'cancelled')
  for (const [reason, handlers] of Object.entries(others))
    faults.push(`the signals of ${handlers} handlers had the reason ${reason} instead of ${expectedReason}`)
  return count
}

async function checkMemory(role, before, ofKills, growths) {
  const after = await order(role, 'memory', { before })
  faults.push(...faultsOfResources(before, after, ofKills).map((text) => `the ${role}: ${text}`))
  const [objects, bytes] = [after.objects - before.objects, after.heapUsed - before.heapUsed]
  growths.push({ role, kills: ofKills, objects, bytes })
}

async function restart(role) {
  if (role === 'service') {
    readLedger()
    ledger.begin()
    rmSync(ledgerFile)
  }
  await start(role)
}

async function startServers() {
  await start('service')
  await start('gateway')
}

async function start(role) {
  incarnations += 1
  const child = await processes.next()
  const prefix = `${role.replace(' ', '-')}.${incarnations}.`
  const parts = { role, descriptors, name: SERVICE, port, prefix, seed: bits(), file: ledgerFile }
  child.prefix = prefix
  live.set(role, child)
  await order(role, 'begin', parts)
}

function each(roles, name, partsOf = () => ({})) {
  return Promise.all(roles.map((role) => order(role, name, partsOf())))
}

/** No call is open: each process must hold what the first one of its role held. */
async function checkHeld() {
  await Promise.all(VICTIMS.map(checkHeldBy))
  // After the others, whose orders have timers in this process.
  await checkHeldBy(LASTING)
}

async function checkHeldBy(role) {
  const before = expected.get(role)
  const held = await order(role, 'held', { expected: before })
  if (before === undefined) expected.set(role, held)
  else if (JSON.stringify(held) !== JSON.stringify(before))
    faults.push(`the ${role} holds ${JSON.stringify(held)} instead of ${JSON.stringify(before)}`)
}

function readLedger() {
  faults.push(...ledger.read(ledgerFile))
}

/** Resolves to the answer. After a hang, the other checks mean nothing: ends the run. */
async function order(role, name, parts) {
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(async () => {
      const error = new Error(`the order ${name} of the ${role} did not end within ${WATCHDOG_MS} ms`)
      process.send({ after: [...faults, error.message, ...(await openCalls())] }, () => reject(error))
    }, WATCHDOG_MS)
  })
  try {
    return await Promise.race([live.get(role).order(name, parts), late])
  } finally {
    clearTimeout(timer)
  }
}

/** Describes the calls that are open in the processes that answer. */
async function openCalls() {
  const reports = ['service', ...callers].map(async (role) => {
    const ids = await live.get(role).order('open')
    return `the ${role} has ${ids.length} open calls: ${ids.slice(0, OPEN_SHOWN).join(', ')}`
  })
  const some = reports.map((report) =>
    Promise.race([report, sleep(OPEN_WATCHDOG_MS, 'a process does not answer')]),
  )
  return Promise.all(some)
}

async function freePort() {
  for (;;) {
    const [least, most] = PORTS
    const candidate = least + (bits() % (most - least))
    const isFree = await new Promise((resolve) => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(candidate, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return candidate
  }
}
