import { describe, expect, it } from 'vitest'
import { findCompiler } from '../../../../src/cli/build/compiler.js'
import { stubCompiler } from '../../../support/stub-compiler.js'
import { temporaryDirectory } from '../../../support/temporary-directory.js'

const GCC = { __GNUC__: 12, __SIZEOF_POINTER__: 8 }

describe.skipIf(process.platform === 'win32')('findCompiler', () => {
  it.each([
    [{ ...GCC, __x86_64__: 1 }, 'g++ 12', 'x64'],
    [{ ...GCC, __riscv: 1 }, 'g++ 12', 'riscv64'],
    [{ ...GCC, __s390x__: 1 }, 'g++ 12', 's390x'],
    [{ __clang__: 1, __clang_major__: 14, __GNUC__: 4, __SIZEOF_POINTER__: 8, __aarch64__: 1 }, 'clang++ 14', 'arm64'],
  ])('reads the version and the processor from the macros: %o', (macros, name, arch) => {
    const file = stubCompiler(macros)
    expect(findCompiler({ CXX: file })).toEqual({ command: [file], name, arch })
  })

  it('takes a launcher and flags from CXX', () => {
    const file = stubCompiler({ ...GCC, __x86_64__: 1 })
    expect(findCompiler({ CXX: ` ${file} -m64 ` }).command).toEqual([file, '-m64'])
  })

  it('refuses a compiler that is too old, with its version and the remedy', () => {
    const file = stubCompiler({ ...GCC, __GNUC__: 10 })
    expect(() => findCompiler({ CXX: file })).toThrow(
      `${file} is g++ 10, and shmwire needs 11 or newer for C++20. Install a newer one and name it: CXX=/path/to/g++`,
    )
  })

  it('refuses a compiler for a processor with 32 bits', () => {
    const file = stubCompiler({ ...GCC, __SIZEOF_POINTER__: 4 })
    expect(() => findCompiler({ CXX: file })).toThrow('a processor with 32 bits')
  })

  it('names the compilers that were tested when there is none', () => {
    expect(() => findCompiler({ PATH: temporaryDirectory() })).toThrow(
      /^no C\+\+ compiler was found \(tested: c\+\+, g\+\+, clang\+\+\)\. Install g\+\+ 11, clang 14 or a newer one: /,
    )
  })
})
