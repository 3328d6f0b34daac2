import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { GROUPS, scenarioNames } from '../../bench/support/catalog.mjs'
// @ts-expect-error: plain JavaScript
import { secondsOf } from '../../bench/support/duration.mjs'
// @ts-expect-error: plain JavaScript
import { buildNative } from '../../bench/support/native.mjs'
// @ts-expect-error: plain JavaScript
import { makePlan } from '../../bench/support/plan.mjs'
// @ts-expect-error: plain JavaScript
import { BEST_OF_OTHERS, TARGETS } from '../../bench/targets.mjs'
import { ensureBuilt } from '../support/build.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

interface Competitor {
  readonly name: string
  readonly title: string
  readonly absent?: string
  readonly error?: string
  readonly headline?: number
  readonly ratio?: number
  readonly median?: Record<string, unknown>
  readonly repetitions?: Record<string, unknown>[]
}

interface Results {
  readonly format: number
  readonly form: string
  readonly date: string
  readonly seconds: number
  readonly commit: string
  readonly machine: Record<string, unknown>
  readonly scenarios: { name: string; question: string; seconds: number; competitors: Competitor[] }[]
  readonly verdicts: { what: string; verdict: string }[]
}

let smoke: { readonly results: Results; readonly printed: string }

beforeAll(() => {
  ensureBuilt()
  smoke = runSmoke()
})

function runBench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['bench/run.mjs', ...args], { cwd: ROOT, encoding: 'utf8' })
}

describe('the command line of the benchmark', () => {
  it('explains its options with --help, and lists the names with --list', () => {
    const help = runBench('--help')
    expect(help).toMatchObject({ status: 0, stderr: '' })
    for (const option of [
      '--quick',
      '--smoke',
      '--only',
      '--repeat',
      '--node',
      '--json',
      '--no-install',
      '--micro',
      '--list',
    ])
      expect(help.stdout).toContain(option)
    const list = runBench('--list')
    expect(list).toMatchObject({ status: 0, stderr: '' })
    for (const name of [...Object.keys(GROUPS), ...scenarioNames(), 'one-way/1KiB'])
      expect(list.stdout).toMatch(new RegExp(`^ +${name}(:|$)`, 'm'))
  })

  it.each([
    ['--only', 'nosuch', 'there is no such group, scenario or case; --list has the names'],
    ['--repeat', '0', 'an integer from 1'],
    ['--node', '/nosuch', 'it is not an executable Node'],
  ])('refuses %s %s and names the remedy', (option, value, fault) => {
    const refused = runBench(option, value)
    expect(refused.status).toBe(2)
    expect(refused.stderr).toBe(`${option} ${value}: ${fault}\nnpm run bench -- --help has the options\n`)
  })
})

describe('the benchmark in its shortest form', () => {
  // A test on a shared machine cannot check the speed.
  it('prints the load, the expected and the real duration, and that the figures are rough', () => {
    expect(smoke.printed).toMatch(/Load of the machine before: [\d.]+/)
    expect(smoke.printed).toMatch(/^\d+ tables, \d+ s on an idle machine\.$/m)
    expect(smoke.printed).toMatch(/^It took .+\.$/m)
    expect(smoke.printed.match(/^These figures are rough: .* Do not quote them\.$/gm)).toHaveLength(2)
    expect(smoke.results.seconds).toBeGreaterThan(0)
    for (const { seconds } of smoke.results.scenarios) expect(seconds).toBeGreaterThan(0)
  })

  it('measures every installed competitor and records the machine and the time', () => {
    const { results } = smoke
    expect(results).toMatchObject({ format: 2, form: 'smoke' })
    expect(Date.parse(results.date)).toBeGreaterThan(0)
    expect(results.commit).toMatch(/^(none|[0-9a-f]{12}\+?)$/)
    expect(Object.keys(results.machine)).toEqual(
      expect.arrayContaining(['cpu', 'cores', 'kernel', 'architecture', 'node', 'loadAverage']),
    )
    expect(results.scenarios.map(({ name }) => name)).toEqual([
      'round-trip',
      'one-way/64B',
      'objects',
      'call',
      'server-stream',
      'topic-publisher',
      'cell',
    ])
    for (const { name, competitors } of results.scenarios) {
      expect(competitors.filter(({ error }) => error !== undefined)).toEqual([])
      // A compiler is optional; with one, the bounds in C++ must be present.
      expect(competitors.filter(({ absent }) => absent?.includes('compile:'))).toEqual([])
      const measured = competitors.filter(({ absent }) => absent === undefined)
      expect(measured.length, name).toBeGreaterThan(1)
      for (const competitor of measured) checkRow(competitor)
    }
    for (const { verdict } of results.verdicts) {
      expect(['met', 'aim met', 'not met', 'not measured']).toContain(verdict)
    }
  })
})

describe('the programs in C++', () => {
  it.runIf(process.platform === 'linux')('compile against the core of this version', () => {
    // A compiler is optional.
    expect(buildNative() ?? '').not.toContain('it does not compile')
  })
})

describe('the plan of the benchmark', () => {
  it('takes under two minutes in the quick form and under half an hour as a whole', async () => {
    // An estimate for an idle machine: a test on a shared machine cannot check the time itself.
    expect(secondsOf(await makePlan({ form: 'quick' }))).toBeLessThan(120)
    expect(secondsOf(await makePlan({ form: 'whole' }))).toBeLessThan(1800)
  })

  it('selects a group by its name', async () => {
    const keys = async (only: string[]) =>
      (await makePlan({ form: 'whole', only })).map(({ key }: { key: string }) => key)
    expect(await keys(['topics'])).toEqual(['topic', 'topic-publisher', 'cell'])
    expect(await keys(['queue', 'one-way/64B'])).toEqual(['one-way/64B', 'queue'])
  })

  it('has a group for every scenario, and no group of a missing one', () => {
    expect(new Set(scenarioNames())).toEqual(new Set(Object.values(GROUPS).flat()))
  })

  it('measures every scenario, competitor and reference of a target', async () => {
    const plan = (await makePlan({ form: 'whole' })) as {
      key: string
      entries: { name: string }[]
    }[]
    const namesOf = new Map(plan.map(({ key, entries }) => [key, entries.map(({ name }) => name)]))
    for (const { what, scenario, competitor, reference } of TARGETS as Target[]) {
      for (const key of [scenario].flat()) {
        const names = namesOf.get(key)
        expect(names, `${what}: ${key}`).toContain(competitor)
        const others = reference === undefined || reference === BEST_OF_OTHERS ? [] : [reference].flat()
        expect(others.length === 0 || others.some((name) => names?.includes(name)), `${what}: ${key}`).toBe(
          true,
        )
      }
    }
  })

  it('compares long messages with a socket that assembles them', async () => {
    const plan = await makePlan({ form: 'whole', only: ['one-way'] })
    for (const { key, scenario, entries } of plan) {
      const whole = entries.find(({ name }: Competitor) => name === 'unix-socket-whole')
      const isLong = !['one-way/64B', 'one-way/1KiB'].includes(key)
      expect(whole?.title, key).toBe(isLong ? 'net, whole messages' : undefined)
      expect(scenario.reference, key).toBe(isLong ? 'unix-socket-whole' : undefined)
    }
  })

  it('reports why a setup cannot be measured here', async () => {
    const path = process.env.PATH
    process.env.PATH = temporaryDirectory()
    try {
      const [table] = await makePlan({ form: 'whole', only: ['queue-jetstream/push'] })
      expect(table.entries.map(({ absent }: Competitor) => absent)).toEqual([
        'cannot be measured here: nats-server: it is not in the path',
        'cannot be measured here: nats-server: it is not in the path',
      ])
    } finally {
      process.env.PATH = path
    }
  })
})

interface Target {
  readonly what: string
  readonly scenario: string | string[]
  readonly competitor: string
  readonly reference?: string | string[]
}

function checkRow({ headline, median, repetitions }: Competitor): void {
  expect(headline).toBeGreaterThan(0)
  expect(repetitions).toHaveLength(1)
  expect(median).toMatchObject({
    messages: expect.any(Number),
    seconds: expect.any(Number),
    messagesPerSecond: expect.any(Number),
    cpuSecondsPerMillion: {
      client: expect.any(Number),
      server: expect.any(Number),
      both: expect.any(Number),
    },
  })
}

function runSmoke(): typeof smoke {
  const file = join(temporaryDirectory(), 'results.json')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['bench/run.mjs', '--smoke', '--json', file],
    {
      cwd: ROOT,
      encoding: 'utf8',
    },
  )
  expect(status, `${stdout}${stderr}`).toBe(0)
  return { results: JSON.parse(readFileSync(file, 'utf8')) as Results, printed: stdout }
}
