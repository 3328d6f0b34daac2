// Kills the service of examples/users during calls of CreateUser, over gRPC, REST and shared memory. Each user that was reported as created must be there
// when the service runs again, and no user of a call that was reported as not executed.
//   npm run users-kills                               200 kills
//   npm run users-kills -- --count 10 --seed 7        10 kills, with the delays of the run that printed this seed
// The last line is `N passed, N failed`.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { client } from 'shmwire'
import { tlsOf, writeCertificates } from '../examples/users/certificates.mjs'
import { Users } from '../examples/users/contract.mjs'
import { grpc } from '../examples/users/paths/grpc.mjs'
import { rest } from '../examples/users/paths/rest.mjs'
import { startProcess, stopProcess } from '../examples/users/processes.mjs'
import { openSqlite } from '../examples/users/sqlite.mjs'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'
import { run } from './stages/command.mjs'
import { CreatedUsers } from './users-kills/created-users.mjs'
import { Lanes } from './users-kills/lanes.mjs'

const HOST = '127.0.0.1'
const LANES = 4
const DELAY_MS_MAX = 50
/** Only a hang reaches it. */
const WATCHDOG_MS = 30_000
const SHOW_EVERY_MS = 10_000
const FAULTS_SHOWN = 10

const { count, seed } = numbersFromArguments({ count: 200, seed: newSeed() })
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`${count} kills: --seed ${seed}`)

const bits = randomBits(seed)
const folder = mkdtempSync(join(tmpdir(), 'sw-'))
process.env.SHMWIRE_DIR = join(folder, 'run')
mkdirSync(process.env.SHMWIRE_DIR, { mode: 0o700 })
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
writeCertificates(folder)

const created = new CreatedUsers()
const recoverMs = []
/** How many kills there were before each check that has failed. */
const failed = new Set()
let kills = 0
const startMs = performance.now()
const ticker = setInterval(show, SHOW_EVERY_MS)

const startService = () => startProcess('service.mjs', [folder, HOST])
let service = startService()
await service.places
const gateway = startProcess('gateway.mjs', [folder, HOST])
const context = { places: await gateway.places, tls: tlsOf(folder, 'client') }
// They outlive the service. The local one also reports which calls were surely not executed.
const local = await client('users', { contract: Users })
const reader = await client('users', { contract: Users, whenUnavailable: 'wait' })
const callers = [
  { name: 'gRPC', ...(await grpc.open(context)) },
  { name: 'REST', ...(await rest.open(context)) },
  { name: 'shared memory', users: local },
]
const lanes = new Lanes(callers, LANES, created)

for (; kills < count; kills += 1) {
  await inTime(lanes.succeeded(), 'the first calls')
  await sleep((bits() % (DELAY_MS_MAX * 1000)) / 1000)
  await stopProcess(service, 'SIGKILL')
  const killedMs = performance.now()
  service = startService()
  await service.places
  fail(await inTime(created.missing(reader), 'the stream of the users'))
  recoverMs.push(performance.now() - killedMs)
}
await inTime(lanes.stop(), 'the last calls')
fail(await inTime(created.missing(reader, { fromBegin: true }), 'the stream of all users'))
clearInterval(ticker)
await reader.$close()
for (const { users } of callers) await users.$close()
await stopProcess(gateway)
await stopProcess(service)
await checkFile()

show()
fail(created.unmetTargets())
// The checks after each kill, and those at the end.
console.log(`${count + 1 - failed.size} passed, ${failed.size} failed`)
process.exitCode = failed.size > 0 ? 1 : 0

function fail(texts) {
  if (texts.length === 0) return
  failed.add(kills)
  console.error(
    `seed ${seed}, kill ${kills}: ${texts.length} faults\n  ${texts.slice(0, FAULTS_SHOWN).join('\n  ')}`,
  )
}

async function checkFile() {
  const database = await openSqlite(join(folder, 'users.db'))
  const { integrity_check: found } = database.prepare('PRAGMA integrity_check').get()
  if (found !== 'ok') fail([`SQLite reports ${found}`])
  database.close()
}

function show() {
  const seconds = Math.round((performance.now() - startMs) / 1000)
  const sorted = recoverMs.toSorted((one, other) => one - other)
  const at = (share) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0).toFixed(0)
  console.log(
    `${seconds} s: ${kills} kills; ${created.describe()}; all read again ${at(0.5)} ms (median), ${at(1)} ms (longest) after the kill`,
  )
}

/** After a hang, the other checks mean nothing: ends the run. */
async function inTime(promise, what) {
  const ended = new AbortController()
  const late = sleep(WATCHDOG_MS, undefined, { signal: ended.signal }).then(
    () => {
      throw new Error(`${what} did not end within ${WATCHDOG_MS} ms`)
    },
    () => {},
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    ended.abort()
  }
}
