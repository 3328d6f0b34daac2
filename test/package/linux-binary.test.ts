import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
// @ts-expect-error: plain JavaScript
import { faultsOfBinary } from '../../scripts/check-binary.mjs'
import { compileNative } from '../support/compiler.js'
import { temporaryDirectory } from '../support/temporary-directory.js'

const ENTRY = `extern "C" int node_api_module_get_api_version_v1() { return 9; }
extern "C" int napi_register_module_v1() { return value(); }
`

/** Links an addon whose entry returns what `value` of this C++ source returns, against the C library alone. */
function link(source: string): string {
  const folder = temporaryDirectory()
  const file = (name: string) => join(folder, name)
  writeFileSync(file('addon.cc'), source + ENTRY)
  const flags = ['-shared', '-fPIC', '-fno-exceptions', '-nodefaultlibs', '-lc', '-Wl,-z,nodelete']
  expect(compileNative(file('addon.cc'), file('addon.node'), ...flags)).toBeUndefined()
  return file('addon.node')
}

const hasTools = ['c++', 'readelf'].every((name) => spawnSync(name, ['--version']).status === 0)

describe.skipIf(process.platform !== 'linux' || !hasTools)('the check of a binary for Linux', () => {
  const faultsOf = (source: string): string[] => faultsOfBinary(link(source), `linux-${process.arch}`)
  const ofCxx = (faults: string[]) => faults.filter((fault) => fault.includes('C++ library'))

  it('accepts functions of the C library', () => {
    const faults = faultsOf('extern "C" int getpid();\nstatic int value() { return getpid(); }\n')
    expect(ofCxx(faults)).toEqual([])
  })

  it('finds the guard of a static variable in a function', () => {
    const faults = faultsOf(
      'extern "C" int getpid();\nstatic int value() { static const int pid = getpid(); return pid; }\n',
    )
    expect(ofCxx(faults).toSorted()).toEqual([
      'needs __cxa_guard_acquire of the C++ library',
      'needs __cxa_guard_release of the C++ library',
    ])
  })

  it('finds an operator new', () => {
    const faults = faultsOf('extern "C" void use(int*);\nstatic int value() { use(new int(1)); return 0; }\n')
    expect(ofCxx(faults)).toEqual(['needs _Znwm of the C++ library'])
  })
})
