// Runs the day: the processes, the load of each hour, the events, and what is measured before and after.
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCell } from '../../dist/index.js'
import { nowMs } from '../../test/process/children/load/outcomes.mjs'
import { RATE_CELL } from '../../test/process/children/load/pace.mjs'
import { readLedgers } from '../../test/process/children/queue-kills/ledger.mjs'
import { eventsOf, HOURS, shareOf } from './day.mjs'
import { Events } from './events.mjs'
import { Fleet } from './fleet.mjs'
import { H2load } from './h2load.mjs'
import { clients, layoutOf, PACED, peaksFor, servers } from './places.mjs'
import { sharedMemoryNames } from './resources.mjs'

const CALIBRATION_MS = 2_000
const WARM_UP_MS = 3_000
const WARM_UP_SHARE = 0.3
/** Timers of connections and interceptors that end by themselves. */
const REST_MS = 1_500

/** Resolves to the records of the run, which the checks and the report read. */
export async function runDay({ root, durationMs, below, disk, clock }) {
  for (const folder of ['run', 'ledgers']) mkdirSync(join(root, folder), { mode: 0o700 })
  const layout = layoutOf(root, { restPort: await freePort(), grpcPort: await freePort() })
  const sharedMemoryBefore = sharedMemoryNames()
  const h2load = new H2load(root, layout.grpcPort)
  const rate = await createCell(RATE_CELL, 0)
  const fleet = new Fleet(clock.env)
  const hourMs = durationMs / HOURS
  const events = new Events({ fleet, disk, clock, hourMs, restPort: layout.restPort })
  try {
    for (const server of servers(layout)) await fleet.start(...server)
    const answers = await fleet.ask('volume', 'hour', { durationMs: CALIBRATION_MS })
    const capacity = Math.round((1000 * answers) / CALIBRATION_MS)
    const peaks = peaksFor(capacity)
    console.log(`the gateway answers ${capacity} requests a second; the peak of the day is a part of that`)
    for (const client of clients(layout, peaks)) await fleet.start(...client)
    for (const name of PACED) await fleet.ask(name, 'begin')
    await rate.set(WARM_UP_SHARE)
    await sleep(WARM_UP_MS)
    await rate.set(0)
    const before = await measureAll(fleet)
    const hours = await liveThroughDay({ durationMs, hourMs, below, events, fleet, rate, peaks, h2load })
    await rate.set(0)
    const after = await measureAll(fleet)
    const accounts = await stopAll(fleet)
    const peaksOf = Object.fromEntries(fleet.names.map((name) => [name, fleet.peaksOf(name)]))
    const closeFaults = await closeAll(fleet)
    await rate.close()
    return {
      disk,
      clock,
      capacity,
      peaks,
      hours,
      events,
      h2load,
      before,
      after,
      accounts,
      processes: peaksOf,
      closeFaults,
      lines: readLedgers(layout.ledgers),
      executed: linesOf(layout.executed),
      answered: linesOf(layout.answered),
      left: {
        runFiles: readdirSync(join(root, 'run')),
        storeFiles: readdirSync(join(root, 'disk')),
        sharedMemory: sharedMemoryNames().filter((name) => !sharedMemoryBefore.includes(name)),
      },
    }
  } finally {
    await fleet.end()
    await rate.close()
  }
}

async function liveThroughDay({ durationMs, hourMs, below, events, fleet, rate, peaks, h2load }) {
  const begunMs = nowMs()
  const running = eventsOf(durationMs, below).map(async (event) => {
    await sleep(event.hour * hourMs)
    await events.run(event)
  })
  const hours = []
  for (let hour = 0; hour < HOURS; hour += 1) {
    const share = shareOf(hour)
    await rate.set(share)
    const lastsMs = Math.max(hourMs / 2, begunMs + (hour + 1) * hourMs - nowMs())
    const [answers, calls] = await Promise.all([
      fleet.ask('volume', 'hour', { rate: peaks.volume * share, durationMs: lastsMs }),
      h2load.missing === undefined ? h2load.hour({ rate: peaks.h2load * share, durationMs: lastsMs }) : 0,
      sleep(lastsMs),
    ])
    hours.push({
      hour,
      share,
      answers: Math.round((1000 * answers) / lastsMs),
      calls: Math.round((1000 * calls) / lastsMs),
    })
  }
  await Promise.all(running)
  return hours
}

/** Of each process, once all jobs are done and nothing is under way. */
async function measureAll(fleet) {
  const drained = await fleet.ask('queue', 'drained')
  for (const name of fleet.names) await fleet.ask(name, 'rest')
  await sleep(REST_MS)
  const measured = { drained }
  for (const name of fleet.names) measured[name] = await fleet.measure(name)
  return measured
}

async function stopAll(fleet) {
  const accounts = {}
  for (const name of PACED) accounts[name] = await fleet.ask(name, 'stop')
  const { sequences } = accounts.publisher
  accounts.subscriber = await fleet.ask('subscriber', 'stop', { sequence: sequences.ticks })
  accounts['slow-subscriber'] = await fleet.ask('slow-subscriber', 'stop', { sequence: sequences.feed })
  for (const name of ['volume', 'worker-1', 'worker-2']) accounts[name] = await fleet.ask(name, 'stop')
  return accounts
}

/** Clients first, so that no server waits for them. */
async function closeAll(fleet) {
  const faults = []
  for (const name of fleet.names.toReversed()) {
    const fault = await fleet.close(name)
    if (fault !== undefined) faults.push(fault)
  }
  return faults
}

function linesOf(file) {
  return readFileSync(file, 'utf8').split('\n').slice(0, -1)
}

async function freePort() {
  const server = createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}
