import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
// @ts-expect-error: plain JavaScript
import { Report } from '../../scripts/stages/report.mjs'
// @ts-expect-error: plain JavaScript
import SkipReporter from '../../scripts/stages/skip-reporter.mjs'
import { temporaryDirectory } from '../support/temporary-directory.js'

const lines: string[] = []
beforeEach(() => {
  lines.length = 0
  vi.spyOn(console, 'log').mockImplementation((text: string) => void lines.push(...text.split('\n')))
})
afterEach(() => void vi.restoreAllMocks())

describe('the report of npm test', () => {
  it('ends with the skipped checks and their remedies, the failed checks, and the counts', () => {
    const report = new Report()
    report.pass('biome')
    report.skip('clang-format', 'apt-get install clang-format')
    report.fail('knip', 'unused file')
    report.add('vitest, unit', { passed: 5, failed: 0, skipped: 2, skips: ['2 of a.test.ts: run as root'] })
    lines.length = 0
    report.close()
    expect(lines).toEqual([
      '',
      'skipped:',
      '  clang-format: apt-get install clang-format',
      '  2 of a.test.ts: run as root',
      '',
      'failed:',
      '  knip',
      '',
      '6 passed, 1 failed, 3 skipped',
    ])
  })

  it('ends with the counts alone when all passed', () => {
    const report = new Report()
    report.pass('biome')
    lines.length = 0
    report.close()
    expect(lines).toEqual(['', '1 passed, 0 failed'])
  })
})

describe('the reporter of skipped tests', () => {
  it('writes a line for each file and reason: the note of the test, else the output of the file', () => {
    const file = join(temporaryDirectory(), 'skipped.json')
    vi.stubEnv('SHMWIRE_SKIPPED', file)
    const moduleOf = (name: string, notes: (string | undefined)[]) => ({
      id: `/${name}`,
      relativeModuleId: name,
      children: { allTests: () => notes.map((note) => ({ result: () => ({ note }) })) },
    })
    const reporter = new SkipReporter()
    reporter.onUserConsoleLog({ content: 'skipped: run as root\n', taskId: '/a.test.ts' })
    reporter.onUserConsoleLog({ content: 'something else\n', taskId: '/a.test.ts' })
    reporter.onTestRunEnd([
      moduleOf('a.test.ts', [undefined, 'no unshare', undefined]),
      moduleOf('b.test.ts', [undefined]),
    ])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual([
      '2 of a.test.ts: run as root',
      '1 of a.test.ts: no unshare',
      '1 of b.test.ts: the test file has the condition',
    ])
  })
})
