// Kills a process that writes to a store, at random moments, and checks what the next process finds.
//   npm run store-kills                              1,000 kills
//   npm run store-kills -- --count 20 --seed 7
// All processes use one file. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SqliteStore } from '../build/modules/engine/sqlite/sqlite-store.js'
import { modelOf } from '../test/process/children/power/stored-model.mjs'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { Oracle } from './power/oracle.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'

const WRITER = fileURLToPath(new URL('../test/process/children/power/store-writer.mjs', import.meta.url))
const DELAY_MS_MAX = 150

const { count, seed } = numbersFromArguments({ count: 1000, seed: newSeed() })
console.log(`${count} kills: --seed ${seed}`)
const bits = randomBits(seed)
const folder = mkdtempSync(join(tmpdir(), 'sw-'))
const path = join(folder, 'jobs.sqlite')
const marks = join(folder, 'marks')
let contents = { jobs: [], seen: [], nextSequence: 1 }
let failed = 0
let required = 0
try {
  for (let number = 0; number < count; number += 1) await killOne(number)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${required} acknowledged calls were required`)
console.log(`${count - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 || required === 0 ? 1 : 0

async function killOne(number) {
  rmSync(marks, { force: true })
  const oracle = new Oracle(modelOf(contents))
  await killedWriter(seed + number)
  oracle.read(readFileSync(marks))
  required += oracle.acknowledged
  const store = new SqliteStore(path, { thread: false })
  contents = await store.load()
  await store.close()
  const fault = oracle.fault(contents)
  if (fault === undefined) return
  failed += 1
  console.error(`seed ${seed}, kill ${number}: ${fault}`)
}

/** Resolves when a writer has been killed during its work. */
async function killedWriter(writerSeed) {
  const writer = spawn(process.execPath, [WRITER, folder, String(writerSeed), '0', '1'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise((resolve) => writer.once('close', (code, signal) => resolve({ code, signal })))
  await new Promise((resolve) => writer.stdout.once('data', resolve))
  await sleep(bits() % DELAY_MS_MAX)
  writer.kill('SIGKILL')
  const { code, signal } = await ended
  if (signal !== 'SIGKILL') throw new Error(`the writer ended with ${code} before it was killed`)
}
