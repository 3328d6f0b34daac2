import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { streamPlans } from '../../scripts/soak/plans.mjs'
// @ts-expect-error: plain JavaScript
import { SoakChild } from '../../scripts/soak/soak-child.mjs'
// @ts-expect-error: plain JavaScript
import { Watch } from '../../scripts/soak/watch.mjs'
import { ensureBuilt } from '../support/build.js'
import { newSeed } from '../support/random.js'
import { temporaryDirectory } from '../support/temporary-directory.js'
// @ts-expect-error: plain JavaScript
import { randomBits } from './children/soak/pattern.mjs'

// The short forms of what `npm run kills`, `call-kills`, `gateway-kills`, `users-kills`, `soak` and `load` do for longer.
const KILLS = 300
const CALL_KILLS = 60
const GATEWAY_KILLS = 24
const USERS_KILLS = 10
const SOAK_SECONDS = 20
const RUN_TIMEOUT_MS = 10 * 60_000

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

beforeAll(() => ensureBuilt())

interface SoakProcess {
  readonly pid: number
  send(order: object): void
  next(type: string): Promise<unknown>
  signal(name: string): void
  kill(): Promise<unknown>
}

function run(script: string, args: string[]): void {
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  console.log(stdout)
  // As the message, it is printed whole.
  expect(stderr, stderr).toBe('')
  expect(stdout).toMatch(/\n[1-9]\d* passed, 0 failed\n$/)
  expect(status).toBe(0)
}

it(
  `delivers only whole messages, then PEER_GONE, and leaks nothing, in ${KILLS} kills at random moments`,
  () => run('scripts/kills.mjs', ['--count', String(KILLS)]),
  RUN_TIMEOUT_MS,
)

it(
  `ends every call, runs none twice, and leaks nothing, in ${CALL_KILLS} kills during calls`,
  () => run('scripts/call-kills.mjs', ['--count', String(CALL_KILLS)]),
  RUN_TIMEOUT_MS,
)

it(
  `ends every call of gRPC, runs none twice, and leaks nothing, in ${GATEWAY_KILLS} kills of services, gateways and clients`,
  () => run('scripts/gateway-kills.mjs', ['--count', String(GATEWAY_KILLS)]),
  RUN_TIMEOUT_MS,
)

it(
  `has every user that was reported as created, in ${USERS_KILLS} kills of the service`,
  () => run('scripts/users-kills.mjs', ['--count', String(USERS_KILLS)]),
  RUN_TIMEOUT_MS,
)

it(
  `corrupts no byte and loses no wake-up in a soak of ${SOAK_SECONDS} seconds`,
  () => run('scripts/soak.mjs', ['--seconds', String(SOAK_SECONDS)]),
  RUN_TIMEOUT_MS,
)

it.skipIf(process.platform !== 'linux')(
  'loses, leaks and leaves nothing in a day of load that takes a minute',
  () => run('scripts/load.mjs', ['--minutes', '1']),
  RUN_TIMEOUT_MS,
)

it('reports an exchange that has stalled, with its wake words', async () => {
  const root = temporaryDirectory()
  const directory = join(root, 'run')
  mkdirSync(directory, { mode: 0o700 })
  const { sides } = streamPlans(randomBits(newSeed('stall')), null) as { sides: { file: string }[] }
  const files = sides.map((side, index) => {
    side.file = join(root, `progress-${index}`)
    return side.file
  })
  const children = sides.map(() => new SoakChild(directory) as SoakProcess)
  const [server, client] = children as [SoakProcess, SoakProcess]
  try {
    server.send({ plan: sides[0] })
    await server.next('listening')
    client.send({ plan: sides[1] })
    await Promise.all(children.map((child) => child.next('running')))
    // From outside, a stopped process looks like a sleeping process that was not woken.
    server.signal('SIGSTOP')
    const watch = new Watch(children, files) as { stalled: Promise<string> }
    const report = await watch.stalled
    expect(report).toContain('a wake-up was lost: both are idle')
    for (const { pid } of children) {
      expect(report).toMatch(new RegExp(`process ${pid}, own segment: tail \\d+, head \\d+, data_wake 0x`))
      expect(report).toMatch(new RegExp(`process ${pid}, peer segment: tail \\d+, head \\d+, data_wake 0x`))
    }
  } finally {
    await Promise.all(children.map((child) => child.kill()))
  }
})
