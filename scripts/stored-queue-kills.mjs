// Kills a process with a stored queue at random moments, while it pushes and works, and checks what is in the store then.
//   npm run stored-queue-kills                              500 kills
//   npm run stored-queue-kills -- --count 10 --seed 7
// All processes use one file. Each one pushes again what the killed one may have pushed. The last line is `N passed, N failed`.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { SqliteStore } from '../build/modules/engine/sqlite/sqlite-store.js'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { JobOracle } from './power/job-oracle.mjs'
import { newSeed, numbersFromArguments } from './soak/arguments.mjs'

const CHILD = fileURLToPath(new URL('../test/process/children/power/stored-queue.mjs', import.meta.url))
const DELAY_MS_MAX = 300

const { count, seed } = numbersFromArguments({ count: 500, seed: newSeed() })
console.log(`${count} kills: --seed ${seed}`)
const bits = randomBits(seed)
const folder = mkdtempSync(join(tmpdir(), 'sw-'))
const marks = join(folder, 'marks')
const oracle = new JobOracle()
let failed = 0
try {
  for (let number = 0; number < count; number += 1) {
    const child = await startChild(number)
    await sleep(bits() % DELAY_MS_MAX)
    child.process.kill('SIGKILL')
    await child.ended
    report(`kill ${number}`, await faultsOfStore())
  }
  const last = await startChild(count, 'drain')
  await last.ended
  report('the end', [...(await faultsOfStore()), ...oracle.notRun()])
} finally {
  rmSync(folder, { recursive: true, force: true })
}
console.log(`${oracle.acknowledged} acknowledged pushes, ${oracle.runs} runs`)
if (oracle.acknowledged === 0) report('the end', ['no push was acknowledged'])
console.log(`${count + 1 - failed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0

/** Resolves when the queue has loaded the store, and begins to push. */
async function startChild(number, ...rest) {
  const args = [CHILD, folder, String(seed + number), ...rest]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('close', resolve))
  child.stdin.end(
    oracle
      .idsToRepeat(bits)
      .map((id) => `${id}\n`)
      .join(''),
  )
  const ready = new Promise((resolve) => createInterface({ input: child.stdout }).once('line', resolve))
  await Promise.race([ready, ended])
  return { process: child, ended }
}

async function faultsOfStore() {
  oracle.read(readFileSync(marks, 'utf8'))
  rmSync(marks)
  const store = new SqliteStore(join(folder, 'jobs.sqlite'), { thread: false, codec: 'msgpack' })
  const contents = await store.load()
  await store.close()
  return oracle.faults(contents)
}

function report(when, faults) {
  if (faults.length === 0) return
  failed += 1
  console.error(`seed ${seed}, ${when}: ${faults.slice(0, 5).join(', ')}`)
}
