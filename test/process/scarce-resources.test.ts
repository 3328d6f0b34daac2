// Too little of what the system gives to a process: descriptors, address space, length of files, memory.
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

/** Few enough to be taken all, many enough for Node to start. */
const DESCRIPTORS_MAX = 80
const FEW_DESCRIPTORS = shellLauncher(`ulimit -n ${DESCRIPTORS_MAX}`)
/** More than any connection needs: the last outcomes are those of plenty. */
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

/** A client in this process; it has all that it needs. */
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

/** From none to all that is needed: these steps, one after the other, and never back. */
function expectLadder(outcomes: readonly Outcome[], steps: readonly string[] = LADDER): void {
  for (const outcome of outcomes) expectWorkingOrExplained(outcome)
  const climbed = outcomes.map(({ transport = 'none' }) => transport)
  expect(climbed).toEqual(climbed.toSorted((a, b) => LADDER.indexOf(a) - LADDER.indexOf(b)))
  expect([...new Set(climbed)]).toEqual(steps)
}

describe('with every number of descriptors left, from none to enough,', () => {
  describe.each(['connect', 'listen'])('%s', (what) => {
    it('works, or says why not, and gives all back', async ({ skip }) => {
      const launcher = wordsOf(FEW_DESCRIPTORS, skip)
      if (what === 'connect') await serve()
      const child = new Child('few-descriptors', { args: [what, address, 0, FREE_MAX, 'warm'], launcher })
      await child.next()
      const outcomes: AttemptOutcome[] = []
      for (let free = 0; free <= FREE_MAX; free += 1) outcomes.push(await child.next())
      // A server that got so far as to look for rivals has a descriptor left for its inbox.
      expectLadder(outcomes, what === 'listen' ? ['none', 'shm'] : LADDER)
      expect(outcomes.filter(({ allFree }) => !allFree)).toEqual([])
      expect(await child.next()).toMatchObject({ afterwards: { transport: 'shm', whole: true } })
      expect(await child.ended).toEqual({ code: 0, signal: null })
      if (what === 'listen') expect(readdirSync(directory)).toEqual([])
    })

    it('works, or says why not, when it is the first thing that the process does', async ({ skip }) => {
      const launcher = wordsOf(FEW_DESCRIPTORS, skip)
      if (what === 'connect') await serve()
      for (let free = 0; free <= FREE_MAX; free += 1) {
        const child = new Child('few-descriptors', { args: [what, address, free, free, 'cold'], launcher })
        await child.next()
        expectWorkingOrExplained(await child.next<Outcome>())
        const { afterwards } = await child.next<{ afterwards: Outcome }>()
        // A shortage that has passed leaves nothing behind, such as an addon that once did not load.
        expect(afterwards).toMatchObject({ transport: 'shm', whole: true })
        expect(await child.ended).toEqual({ code: 0, signal: null })
      }
    })
  })

  it('a server serves, or hangs up, gives all back, and serves again', async ({ skip }) => {
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
  it('that may write no long files runs over the socket, which says why', async ({ skip }) => {
    await serve()
    // In blocks of 512 or 1024 bytes, as the shell has it: less than the smallest segment in either.
    const launcher = wordsOf(shellLauncher('ulimit -f 32'), skip)
    const outcome = await askFrom(launcher, {})
    expect(outcome).toMatchObject({ transport: 'unix', whole: true })
    expect(outcome.fallbackReason).toMatch(/ftruncate/)
  })

  describe.each([
    ['its own ring', 256 * MIB, MIB],
    ["the server's ring", MIB, 256 * MIB],
  ] as const)('without the address space for %s', (_whose, ringBytes, serverRingBytes) => {
    it('runs over the socket, which says why', async ({ skip }) => {
      wordsOf(launcherOf('prlimit', '--as'), skip)
      await serve(serverRingBytes)
      const outcome = await askFrom([], { ringBytes, addressSpaceBytes: 128 * MIB })
      expect(outcome).toMatchObject({ transport: 'unix', whole: true })
      expect(outcome.fallbackReason).toMatch(/mmap/)
    })
  })

  it('without the memory for its ring fails, falls back, or is killed; the server serves on', async ({
    skip,
  }) => {
    const group = ControlGroup.create('memory.max', 'memory.swap.max')
    if (typeof group === 'string') return skip(group)
    try {
      await serve()
      group.write('memory.max', String(192 * MIB))
      group.write('memory.swap.max', '0')
      const launcher = wordsOf(shellLauncher(`echo $$ > ${join(group.folder, 'cgroup.procs')}`), skip)
      const args = ['client', address, JSON.stringify({ ringBytes: 1024 * MIB })]
      const child = new Child('channel-side', { args, launcher })
      // The kernel may choose to kill who takes too much; that is no bus error.
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
