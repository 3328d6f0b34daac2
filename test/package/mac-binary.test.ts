import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { faultsOfMacBinary, hostNames } from '../../scripts/check-mac-binary.mjs'
// @ts-expect-error: plain JavaScript
import { findMacLinker, macLibrary, macLinkFlags } from '../../scripts/prebuild/mac-linker.mjs'
import { temporaryDirectory } from '../support/temporary-directory.js'

const list = JSON.parse(readFileSync(new URL('../../native/sources.json', import.meta.url), 'utf8'))

/** The one library of the system, with one function. */
const LIBRARY = `--- !tapi-tbd
tbd-version: 4
targets: [ arm64-macos, x86_64-macos ]
install-name: '/usr/lib/libSystem.B.dylib'
exports:
  - targets: [ arm64-macos, x86_64-macos ]
    symbols: [ _getpid, dyld_stub_binder ]
...
`

const ARCHS = [
  ['arm64', 'arm64-apple-macos11.0'],
  ['x64', 'x86_64-apple-macos11.0'],
] as const

/** Reasons that this machine cannot link for macOS. */
function missingTools(): string | undefined {
  if (spawnSync('clang', ['--version']).status !== 0) return 'apt-get install clang'
  try {
    findMacLinker()
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const missing = missingTools()

/** Links a file that calls these functions, and exports what Node.js looks up. */
function link(arch: string, triple: string, called: readonly string[], further: readonly string[] = []) {
  const folder = temporaryDirectory()
  const compiler = join(folder, 'zig')
  mkdirSync(join(folder, 'lib/libc/darwin'), { recursive: true })
  writeFileSync(join(folder, 'lib/libc/darwin/libSystem.tbd'), LIBRARY)
  const declared = called.map((name) => `void ${name}(void);`).join('\n')
  const source = `${declared}
void hidden(void);
__attribute__((visibility("hidden"))) void hidden(void) {}
void napi_register_module_v1(void) { hidden(); ${called.map((name) => `${name}();`).join(' ')} }
void node_api_module_get_api_version_v1(void) {}
`
  const file = (name: string) => join(folder, name)
  writeFileSync(file('addon.c'), source)
  const compiled = spawnSync('clang', ['-target', triple, '-c', file('addon.c'), '-o', file('addon.o')], {
    encoding: 'utf8',
  })
  expect(compiled.stderr).toBe('')
  const flags = [...macLinkFlags(list, arch), ...macLibrary(compiler), ...further]
  const files = ['-o', file('addon.node'), file('addon.o')]
  const { status, stderr } = spawnSync(findMacLinker(), [...flags, ...files], { encoding: 'utf8' })
  return { status, stderr, binary: file('addon.node') }
}

describe.each(ARCHS)('a binary for macOS on %s', (arch, triple) => {
  beforeEach(({ skip }) => {
    if (missing !== undefined) skip(missing)
  })

  it('links with exactly the listed names of Node-API', () => {
    const { status, stderr, binary } = link(arch, triple, [...hostNames(), 'getpid'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(faultsOfMacBinary(binary, `darwin-${arch}`)).toEqual([])
  })

  it('does not link with a name that is not listed', () => {
    const { status, stderr } = link(arch, triple, ['napi_thorw'])
    expect(status).not.toBe(0)
    expect(stderr).toContain('undefined symbol: _napi_thorw')
  })

  it('is refused if it needs a name that is not listed', () => {
    const called = [...hostNames(), 'napi_thorw']
    const { status, binary } = link(arch, triple, called, ['-undefined', 'dynamic_lookup'])
    expect(status).toBe(0)
    expect(faultsOfMacBinary(binary, `darwin-${arch}`)).toEqual(['needs napi_thorw'])
  })

  it('is refused for another platform, without a listed name, and for a newer system', () => {
    const called = hostNames().filter((name: string) => name !== 'napi_throw')
    const { binary } = link(arch, triple, called, ['-platform_version', 'macos', '14.4', '14.4'])
    expect(faultsOfMacBinary(binary, 'darwin-ppc')).toEqual([
      `is for darwin-${arch}`,
      'does not need napi_throw, which native/sources.json lists',
      'needs macOS 14.4, not 11.0',
    ])
  })
})
