import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { find, root, run } from './command.mjs'

/** The parts of the package that the tests need, without the addon: the instrumented one replaces it. */
const PARTS = [
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'src',
  'dist',
  'test',
  'build/hostile',
  'build/modules',
]
const ADDON = 'build/Release/shmwire.node'

/** The tests with most of the input from peers. */
const SHORT = ['test/hostile', 'test/conformance/shm.test.ts', 'test/unit/link']
/** These attack HTTP, which the addon does not see. */
const WITHOUT_ADDON = 'test/hostile/rest-*.test.ts'
const LONG = [...SHORT, 'test/conformance', 'test/process']

/**
 * Node never frees some of its own memory. A larger quarantine of freed memory would hide the growth that the tests check.
 */
const SANITIZER = 'detect_leaks=0:quarantine_size_mb=16:allocator_may_return_null=1'

/** Runs the addon with AddressSanitizer and UndefinedBehaviorSanitizer, in Node, against hostile and honest peers. */
export async function asan(report, { long = false } = {}) {
  const name = 'addon under AddressSanitizer'
  if (process.platform !== 'linux') return report.skip(name, 'is for Linux')
  if (find('g++') === undefined) return report.skip(name, 'apt-get install g++')
  const library = runtime()
  if (library === undefined)
    return report.skip(name, "install g++'s libasan: 'g++ -print-file-name=libasan.so' finds none")
  for (const target of ['--asan', '--hostile']) {
    const built = await run(process.execPath, ['scripts/build-addon.mjs', target], { env: { CXX: 'g++' } })
    if (!built.ok) return report.fail(`${name}: build`, built.output)
  }
  const folder = mkdtempSync(join(tmpdir(), 'shmwire-asan-'))
  try {
    for (const part of PARTS) cpSync(join(root, part), join(folder, part), { recursive: true })
    mkdirSync(dirname(join(folder, ADDON)), { recursive: true })
    cpSync(join(root, 'build/asan/shmwire.node'), join(folder, ADDON))
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const env = {
      NO_COLOR: '1',
      LD_PRELOAD: library,
      ASAN_OPTIONS: SANITIZER,
      UBSAN_OPTIONS: 'print_stacktrace=1',
      SHMWIRE_TEST_BUILT: '1',
    }
    report.check(`${name} loads`, await run(process.execPath, ['-e', LOAD, join(folder, ADDON)], { env }))
    const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=dot', '--execArgv=--expose-gc']
    vitest.push('--exclude', WITHOUT_ADDON)
    const files = long ? LONG : SHORT
    const tests = await run(process.execPath, [...vitest, ...files], { cwd: folder, env, show: long })
    report.check(`${name}: ${files.join(', ')}`, tests)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Loads the addon, and checks that the sanitizers are active. */
const LOAD = `const { Endpoint } = require(process.argv[1])
  if (typeof Endpoint !== 'function') throw new Error('the addon has no Endpoint')
  const { readFileSync } = require('node:fs')
  if (!readFileSync('/proc/self/maps', 'latin1').includes('libasan')) throw new Error('the sanitizer was not loaded')
  for (const call of ['__asan_report_load', '__ubsan_handle'])
    if (!readFileSync(process.argv[1]).includes(call)) throw new Error('the addon is not instrumented: ' + call)`

/** The library of the sanitizer, which must be loaded first. Undefined if the compiler has none. */
function runtime() {
  const { stdout } = spawnSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' })
  const file = stdout?.trim() ?? ''
  return isAbsolute(file) && existsSync(file) ? file : undefined
}
