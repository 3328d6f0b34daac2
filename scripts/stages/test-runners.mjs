import { mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { root, run } from './command.mjs'

/** A failed test leaves its server open, and then Jest does not end. */
const TIMEOUT_MS = 60_000

/** Runs the package in test runners, with fake clocks, with values of other realms, and among frozen built-in objects. */
export async function testRunners(report, scratch, env) {
  mkdirSync(join(scratch, 'node_modules/@sinonjs'))
  const fakeTimers = 'node_modules/@sinonjs/fake-timers'
  symlinkSync(join(root, fakeTimers), join(scratch, fakeTimers))
  const programs = {
    'values of another realm': ['realms.mjs'],
    'a fake clock': ['fake-timers.mjs'],
    '--frozen-intrinsics': ['--frozen-intrinsics', 'frozen.mjs'],
    'built-in objects frozen before the import': ['frozen.mjs', 'before'],
    'built-in objects frozen after the import': ['frozen.mjs', 'after'],
    'accessors on Object.prototype': ['frozen.mjs', 'accessors'],
  }
  for (const [name, args] of Object.entries(programs))
    report.check(name, await run(process.execPath, args, { cwd: scratch, env, timeoutMs: TIMEOUT_MS }))
  const runners = {
    cwd: join(scratch, 'runners'),
    env: { ...env, CI: 'true', NO_COLOR: '1' },
    timeoutMs: TIMEOUT_MS,
  }
  const jest = ['--experimental-vm-modules', join(root, 'node_modules/jest/bin/jest.js')]
  report.check('Jest: node, jsdom', await run(process.execPath, jest, runners))
  const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'vitest.config.mjs']
  report.check('Vitest: node, jsdom, happy-dom', await run(process.execPath, vitest, runners))
}
