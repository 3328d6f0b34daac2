// Kills the processes of a queue, of its workers and of the programs that push, at random, and checks the guarantees of docs/queues.md.
//   node scripts/messaging-kills.mjs                          1,000 kills
//   node scripts/messaging-kills.mjs --count 60 --seed 7      60 kills, the same ones as in the run that printed this seed
//   node scripts/messaging-kills.mjs --engine nats            a queue and a topic over JetStream, and kills of nats-server too: docs/nats.md
// Each round has its own queue. The last line is `N passed, N failed`.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runKills } from '../test/process/children/queue-kills/orchestrator.mjs'
import { randomBits } from '../test/process/children/soak/pattern.mjs'
import { newSeed, optionsFromArguments } from './soak/arguments.mjs'
import { run } from './stages/command.mjs'

const KILLS_PER_ROUND = 20
const ROUNDS = {
  local: [
    { name: 'workers and pushers', victims: ['worker', 'worker', 'pusher'] },
    { name: 'the queue, workers and pushers', victims: ['queue', 'worker', 'pusher'] },
  ],
  nats: [
    { name: 'nats-server', victims: ['server'] },
    {
      name: 'nats-server, workers, pushers and publishers',
      victims: ['server', 'server', 'worker', 'pusher', 'publisher'],
    },
  ],
}

const { count, seed, engine } = optionsFromArguments({
  numbers: { count: 1_000, seed: newSeed() },
  choices: { engine: Object.keys(ROUNDS) },
})
const rounds = ROUNDS[engine]
const built = await run(process.execPath, ['scripts/build.mjs', '--quiet'])
if (!built.ok) throw new Error(`the build failed:\n${built.output}`)
console.log(`${count} kills: --seed ${seed}`)

const bits = randomBits(seed)
const random = () => (bits() >>> 0) / 2 ** 32
const root = mkdtempSync(join(tmpdir(), 'sw-'))
process.env.SHMWIRE_DIR = join(root, 'run')
mkdirSync(process.env.SHMWIRE_DIR, { mode: 0o700 })

let passed = 0
let failed = 0
for (let round = 0; passed + failed < count; round += 1) {
  const { name, victims } = rounds[round % rounds.length]
  const kills = Math.min(KILLS_PER_ROUND, count - passed - failed)
  const directory = join(root, String(round))
  const outcome = await runKills({
    address: `queue-${round}`,
    directory,
    random,
    kills,
    victims,
    store: undefined,
    engine: engine === 'local' ? undefined : engine,
  })
  const { faults, jobs, done, again, repeated, messages } = outcome
  console.log(
    `${kills} kills of ${name}: ${jobs} jobs, ${done} done, ${again} ran again, ${repeated} pushed again` +
      (messages === undefined ? '' : `, ${messages} messages of the topic`),
  )
  for (const fault of faults) console.error(fault)
  if (faults.length > 0) failed += kills
  else passed += kills
  rmSync(directory, { recursive: true, force: true })
}
rmSync(root, { recursive: true, force: true })
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 ? 1 : 0
