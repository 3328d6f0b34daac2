import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
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
  readonly commit: string
  readonly machine: Record<string, unknown>
  readonly scenarios: { name: string; question: string; competitors: Competitor[] }[]
  readonly verdicts: { what: string; verdict: string }[]
}

beforeAll(() => ensureBuilt())

describe('the benchmark in its shortest form', () => {
  // A test on a shared machine cannot check the speed.
  it('measures every installed competitor and records the machine and the time', () => {
    const results = runSmoke()
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
      expect(['reached', 'aim reached', 'not reached', 'not measured']).toContain(verdict)
    }
  })
})

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

function runSmoke(): Results {
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
  return JSON.parse(readFileSync(file, 'utf8')) as Results
}
