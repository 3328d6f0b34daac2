import { join } from 'node:path'
import { beforeEach, describe, expect, it, vi } from 'vitest'
// @ts-expect-error: plain JavaScript
import { runInGroups } from '../../scripts/file-runs/groups.mjs'
// @ts-expect-error: plain JavaScript
import { Results } from '../../scripts/file-runs/results.mjs'
import { temporaryDirectory } from '../support/temporary-directory.js'

interface Outcome {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly failures: readonly string[]
}

/** Vitest's result of a file under Windows, with the states of its tests. */
function resultOf(file: string, ...states: string[]): object {
  return {
    name: `Z:\\tree\\${file.replaceAll('/', '\\')}`,
    status: states.includes('failed') ? 'failed' : 'passed',
    startTime: 0,
    endTime: 2_000,
    assertionResults: states.map((status) => ({ status, fullName: 'a test', failureMessages: ['reason'] })),
  }
}

function run(files: string[], vitest: (files: string[]) => object): Outcome[] {
  const outcomes: Outcome[] = []
  const record = (outcome: Outcome): void => void outcomes.push(outcome)
  runInGroups(files, { size: 2, limitMs: 60_000, vitest, record })
  return outcomes
}

describe('test files in groups', () => {
  it('count the tests of each file', () => {
    const outcomes = run(['test/a.test.ts', 'test/b.test.ts'], () => ({
      status: 1,
      report: {
        testResults: [
          resultOf('test/a.test.ts', 'passed', 'skipped'),
          resultOf('test/b.test.ts', 'passed', 'failed'),
        ],
      },
      output: '',
    }))
    expect(outcomes).toMatchObject([
      { file: 'test/a.test.ts', passed: 1, failed: 0, skipped: 1, failures: [] },
      { file: 'test/b.test.ts', passed: 1, failed: 1, skipped: 0, failures: ['a test: reason'] },
    ])
  })

  it('run again one by one after a group that hangs, and report the file that hangs alone', () => {
    const groups: string[][] = []
    const outcomes = run(['test/a.test.ts', 'test/b.test.ts', 'test/c.test.ts'], (files) => {
      groups.push(files)
      if (files.includes('test/b.test.ts')) return { status: null, output: 'the last line' }
      return { status: 0, report: { testResults: files.map((file) => resultOf(file, 'passed')) }, output: '' }
    })
    expect(groups.map((group) => group.map((file) => file[5]).join(''))).toEqual(['ab', 'a', 'b', 'c'])
    expect(outcomes.map(({ passed, failed }) => [passed, failed])).toEqual([
      [1, 0],
      [0, 1],
      [1, 0],
    ])
    expect(outcomes[1]?.failures[0]).toContain('the last line')
  })

  it('fail for an error outside a test', () => {
    const [outcome] = run(['test/a.test.ts'], () => ({
      status: 1,
      report: { testResults: [resultOf('test/a.test.ts', 'passed')] },
      output: 'Unhandled error',
    }))
    expect(outcome).toMatchObject({ passed: 1, failed: 1 })
    expect(outcome?.failures[0]).toContain('Unhandled error')
  })
})

describe('the results of several runs', () => {
  beforeEach(() => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {})
    return () => log.mockRestore()
  })

  it('are a table with the newest counts of each file and version', () => {
    const path = join(temporaryDirectory(), 'results.json')
    const outcome = {
      file: 'test/unit/a.test.ts',
      passed: 3,
      failed: 1,
      skipped: 0,
      seconds: 1,
      failures: ['x'],
    }
    new Results(path).add('22', outcome)
    const results = new Results(path)
    results.add('22', { ...outcome, passed: 4, failed: 0, failures: [] })
    results.add('24', { ...outcome, file: 'test/unit/b.test.ts', failed: 0, failures: [] })
    expect(results.table().split('\n')).toEqual([
      '| passed / failed / skipped | 22 | 24 |',
      '| --- | --- | --- |',
      '| `test/unit/a.test.ts` | 4 / 0 / 0 |  |',
      '| `test/unit/b.test.ts` |  | 3 / 0 / 0 |',
      '| all of unit | 4 / 0 / 0 | 3 / 0 / 0 |',
    ])
    expect(results.failed).toBe(0)
  })
})
