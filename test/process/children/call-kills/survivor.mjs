// Kills processes during calls, and checks its own ends of them: scripts/call-kills.mjs runs it.
//   survivor.mjs <file of the victim> <link> <kills> <seed> <directory>     in a process with --expose-gc
// It reports { kill, faults, … } after each kill, over process.send, and { after: faults } at the end.
import { getEventListeners } from 'node:events'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { client, serve } from '../../../../dist/index.js'
import { randomBits } from '../soak/pattern.mjs'
import { SpareProcesses } from '../spare-processes.mjs'
import { Ledger } from './ledger.mjs'
import { LINKS } from './links.mjs'
import { faultsOfResources, resources, settledResources } from './resources.mjs'
import { CONTRACT, Handlers } from './service.mjs'
import { Traffic } from './traffic.mjs'
import { Victim } from './victim-process.mjs'

/** Expected: a second. Only a hang reaches it. */
const WATCHDOG_MS = 60_000
const DELAY_MS_MAX = 20
const WARM_UP_KILLS = 25
const BLOCKED_OF = 5
const BACK_OFF = { minMs: 1, maxMs: 20 }
const WAITS = ['sleep', 'adaptive']
const LANES = [5, 10, 30]
/** Calls at once, and their bytes: the first ones need more room than there is, the last one more slots. */
const BURSTS = [
  [100, 2000],
  [200, 1000],
  [400, 500],
  [5000, 0],
]
const PERSISTENT = ['one', 'one', 'again', 'again']

const [victimFile, link, killsText, seedText, directory] = process.argv.slice(2)
const kills = Number(killsText)
const bits = randomBits(Number(seedText))
const pick = (values) => values[bits() % values.length]
const { addressOf, options } = LINKS[link]
/** Of calls that end with their channel: afterwards, nothing may listen to it. */
const lasting = new AbortController()
/** Of calls that wait for the next server. */
const NEVER = new AbortController().signal

/** Ids of calls that this process has executed. */
const executed = new Set()
const faults = []
const handlers = new Handlers((id) => {
  if (executed.has(id)) faults.push(`${id} was executed twice`)
  executed.add(id)
})
const ledger = new Ledger()
const victims = new SpareProcesses(() => new Victim(victimFile))
const service = await serve(addressOf('survivor'), handlers, { contract: CONTRACT, channel: options })
const accepted = []
service.server.on('channel', (channel) => accepted.push(channel))
const waiting = await startPersistent()

let before
for (let number = 0; number < kills; number += 1) {
  process.send(await killOne(number))
  if (number + 1 === Math.min(WARM_UP_KILLS, kills)) before = await settledResources(state)
}
process.send({ after: faultsOfResources(before, await settledResources(state, before), kills) })
waiting.traffic.stop()
await waiting.service.$close()
await service.close()
await victims.end()
process.disconnect()

/** A client that outlives each server, and retries its calls with the next one. */
async function startPersistent() {
  // The first server: a client begins with a connection.
  const victim = await victims.next()
  await victim.begin({
    role: 'server',
    link,
    name: 'victim',
    file: join(directory, 'first'),
    number: 'first',
  })
  const persistent = await client(addressOf('victim'), {
    contract: CONTRACT,
    whenUnavailable: 'wait',
    channel: { ...options, backOff: BACK_OFF },
  })
  const traffic = new Traffic(persistent, 'w', bits, NEVER)
  for (const kind of PERSISTENT) void traffic.persist(kind)
  await victim.kill()
  ledger.read(join(directory, 'first'))
  return { traffic, service: persistent }
}

async function killOne(number) {
  const role = pick(['server', 'client'])
  const isBlocked = bits() % BLOCKED_OF === 0
  const file = join(directory, 'executed')
  const tally = { answered: 0, no: 0, unknown: 0 }
  const victim = await victims.next()
  const order = { role, link, number, file, wait: pick(WAITS), lanes: pick(LANES), seed: bits() }
  const connection = await (role === 'server' ? connectTo(victim, order) : accept(victim, order))
  const traffic = new Traffic(connection.service, `${number}.`, bits, lasting.signal)
  const ended = [traffic.start(pick(LANES))]
  await victim.order('go', 'running')
  await sleep((bits() % (DELAY_MS_MAX * 1000)) / 1000)
  if (isBlocked) {
    await victim.order('block', 'blocked')
    ended.push(traffic.burst(...pick(BURSTS)))
    await sleep(1)
  }
  await victim.kill()
  const endMs = performance.now()
  const inTime = await isInTime(Promise.all(ended), () => handlers.running === 0)
  const tookMs = performance.now() - endMs
  if (!inTime) faults.push(...hanging(traffic))
  await connection.close()
  ledger.read(file)
  rmSync(file)
  faults.push(...ledger.faultsOf(traffic.outcomes.splice(0), tally))
  faults.push(...ledger.faultsOf(waiting.traffic.outcomes.splice(0), { answered: 0 }))
  if (handlers.unsignalled > 0)
    faults.push(`${handlers.unsignalled} handlers ended before their signal fired`)
  if (traffic.iterating.size > 0) faults.push(`${traffic.iterating.size} iterations of the caller still run`)
  handlers.unsignalled = 0
  tally.executed = executed.size
  executed.clear()
  return { kill: number, role, isBlocked, tookMs, tally, faults: faults.splice(0) }
}

/** The victim serves. */
async function connectTo(victim, order) {
  await victim.begin({ ...order, name: 'victim' })
  const own = await client(addressOf('victim'), { contract: CONTRACT, retries: 0, channel: options })
  await serve(own.$channel, handlers, { contract: CONTRACT })
  await waiting.service.$ping()
  return { service: own, close: () => own.$close() }
}

/** The victim connects. */
async function accept(victim, order) {
  accepted.length = 0
  await victim.begin({ ...order, name: 'survivor' })
  const own = await client(accepted[0], { contract: CONTRACT, retries: 0 })
  accepted.length = 0
  return { service: own, close: () => own.$close() }
}

/** Waits for both, and no longer than the watchdog. */
async function isInTime(calls, isDone) {
  const progress = { pending: true }
  void calls.then(() => {
    progress.pending = false
  })
  const endMs = performance.now() + WATCHDOG_MS
  for (; progress.pending || !isDone(); await nextTurn()) if (performance.now() > endMs) return false
  return true
}

function hanging(traffic) {
  return [
    `after ${WATCHDOG_MS} ms, ${traffic.begun - traffic.outcomes.length} calls are pending and ${handlers.running} handlers run`,
  ]
}

/** Everything that must be as before, once the channels have closed. */
function state() {
  return {
    ...resources(),
    channels: service.server.channels.size,
    listeners: getEventListeners(lasting.signal, 'abort').length,
    running: Object.values(service.stats()).reduce((sum, { running }) => sum + running, 0),
    handlers: handlers.running,
    files: readdirSync(process.env.SHMWIRE_DIR).filter((name) => !name.startsWith('victim')).length,
  }
}
