// Exhausted resources of a process: descriptors, address space, length of files, memory.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connect, listen, type Server } from '../../src/index.js'
import { ensureBuilt } from '../support/build.js'
import { Child } from '../support/child.js'
import { ControlGroup } from '../support/control-group.js'
import { launcherOf, shellLauncher, wordsOf } from '../support/launcher.js'
import { expectWorkingOrExplained, type Outcome } from '../support/outcome.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

/** Few enough to exhaust, many enough for Node to start: it reads all modules of the package at once. */
const DESCRIPTORS_MAX = 400
const FEW_DESCRIPTORS = shellLauncher(`ulimit -n ${DESCRIPTORS_MAX}`)
/** More than any connection needs, so the last attempts succeed. */
const FREE_MAX = 12
const MIB = 1024 * 1024

interface AttemptOutcome extends Outcome {
  readonly free: number
  readonly allFree: boolean
}

beforeAll(() => ensureBuilt())

let directory = ''
let address = ''
let server: Server | undefined
beforeEach(() => {
  directory = temporaryDirectory()
  address = `unix:${join(directory, 's')}`
})

afterEach(async () => {
  await server?.close()
  server = undefined
})

async function serve(ringBytes?: number): Promise<void> {
  server = await listen(address, { ringBytes })
  server.on('channel', (channel) => channel.handle((value) => value))
}

/** Runs a client in this process, which has no limits. */
async function ask(): Promise<Outcome> {
  try {
    const channel = await connect(address, { timeoutMs: 30_000 })
    const whole = (await channel.request('here?')) === 'here?'
    const { transport, fallbackReason } = channel
    await channel.close()
    return { transport, whole, ...(fallbackReason === undefined ? {} : { fallbackReason }) }
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { code, message }
  }
}

const LADDER = ['none', 'unix', 'shm']

/** With more resources, the outcomes follow these steps, and never go back. */
function expectLadder(outcomes: readonly Outcome[], steps: readonly string[] = LADDER): void {
  for (const outcome of outcomes) expectWorkingOrExplained(outcome)
  const climbed = outcomes.map(({ transport = 'none' }) => transport)
  expect(climbed).toEqual(climbed.toSorted((a, b) => LADDER.indexOf(a) - LADDER.indexOf(b)))
  expect([...new Set(climbed)]).toEqual(steps)
}

describe('with any number of free descriptors,', () => {
  describe.each(['connect', 'listen'])('%s', (what) => {
    it('works or fails with the reason, and closes all descriptors', async ({ skip }) => {
      const launcher = wordsOf(FEW_DESCRIPTORS, skip)
      if (what === 'connect') await serve()
      const child = new Child('few-descriptors', { args: [what, address, 0, FREE_MAX, 'warm'], launcher })
      await child.next()
      const outcomes: AttemptOutcome[] = []
      for (let free = 0; free <= FREE_MAX; free += 1) outcomes.push(await child.next())
      // A server that could check for other servers has a descriptor left for its handover socket.
      expectLadder(outcomes, what === 'listen' ? ['none', 'shm'] : LADDER)
      expect(outcomes.filter(({ allFree }) => !allFree)).toEqual([])
      expect(await child.next()).toMatchObject({ afterwards: { transport: 'shm', whole: true } })
      expect(await child.ended).toEqual({ code: 0, signal: null })
      if (what === 'listen') expect(readdirSync(directory)).toEqual([])
    })

    it('works or fails with the reason as the first call of the process', async ({ skip }) => {
      const launcher = wordsOf(FEW_DESCRIPTORS, skip)
      if (what === 'connect') await serve()
      for (let free = 0; free <= FREE_MAX; free += 1) {
        const child = new Child('few-descriptors', { args: [what, address, free, free, 'cold'], launcher })
        await child.next()
        expectWorkingOrExplained(await child.next<Outcome>())
        const { afterwards } = await child.next<{ afterwards: Outcome }>()
        // A past shortage has no lasting effect, such as an addon that stays unloaded.
        expect(afterwards).toMatchObject({ transport: 'shm', whole: true })
        expect(await child.ended).toEqual({ code: 0, signal: null })
      }
    })
  })

  it('serves or hangs up, closes all descriptors, and serves again, as a server', async ({ skip }) => {
    const launcher = wordsOf(FEW_DESCRIPTORS, skip)
    const child = new Child('few-descriptors-server', { args: [address], launcher, ipc: true })
    expect(await child.next()).toBe('listening')
    const outcomes: Outcome[] = []
    for (let free = 0; free <= FREE_MAX; free += 1) {
      child.send({ free })
      expect(await child.next()).toEqual({ allFree: true })
      outcomes.push(await ask())
    }
    expectLadder(outcomes)
    child.send({})
    expect(await child.next()).toEqual({ allFree: true })
    expect(await ask()).toMatchObject({ transport: 'shm', whole: true })
  })
})

describe('a client', () => {
  it('falls back to the socket with the reason if it cannot write long files', async ({ skip }) => {
    await serve()
    // In blocks of 512 or 1024 bytes, depending on the shell: less than the smallest segment.
    const launcher = wordsOf(shellLauncher('ulimit -f 32'), skip)
    const outcome = await askFrom(launcher, {})
    expect(outcome).toMatchObject({ transport: 'unix', whole: true })
    expect(outcome.fallbackReason).toMatch(/ftruncate/)
  })

  describe.each([
    ['its own ring', 256 * MIB, MIB],
    ["the server's ring", MIB, 256 * MIB],
  ] as const)('without the address space for %s', (_whose, ringBytes, serverRingBytes) => {
    it('falls back to the socket with the reason', async ({ skip }) => {
      wordsOf(launcherOf('prlimit', '--as'), skip)
      await serve(serverRingBytes)
      const outcome = await askFrom([], { ringBytes, addressSpaceBytes: 128 * MIB })
      expect(outcome).toMatchObject({ transport: 'unix', whole: true })
      expect(outcome.fallbackReason).toMatch(/mmap/)
    })
  })

  it('fails, falls back or is killed without memory for its ring; the server continues', async ({ skip }) => {
    const group = ControlGroup.create('memory.max', 'memory.swap.max')
    if (typeof group === 'string') return skip(group)
    try {
      await serve()
      group.write('memory.max', String(192 * MIB))
      group.write('memory.swap.max', '0')
      const launcher = wordsOf(shellLauncher(`echo $$ > ${join(group.folder, 'cgroup.procs')}`), skip)
      const args = ['client', address, JSON.stringify({ ringBytes: 1024 * MIB })]
      const child = new Child('channel-side', { args, launcher })
      // The kernel may kill the process that exceeds the limit, but not with a bus error.
      const outcome = await child.next<Outcome>().catch(() => undefined)
      if (outcome !== undefined) expectWorkingOrExplained(outcome)
      const { code, signal } = await child.ended
      expect([0, 'SIGKILL']).toContain(signal ?? code)
      expect(await ask()).toMatchObject({ transport: 'shm', whole: true })
    } finally {
      group.remove()
    }
  })
})

async function askFrom(launcher: readonly string[], options: object): Promise<Outcome> {
  const child = new Child('channel-side', { args: ['client', address, JSON.stringify(options)], launcher })
  const outcome = await child.next<Outcome>()
  expect(await child.ended).toEqual({ code: 0, signal: null })
  return outcome
}
