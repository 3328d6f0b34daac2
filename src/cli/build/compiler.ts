import { spawnSync } from 'node:child_process'
import { CommandError } from '../command.js'

export interface Compiler {
  /** A program and its first arguments. */
  readonly command: readonly string[]
  /** Such as `g++ 12`. */
  readonly name: string
  /** The processor for which it compiles, as in `process.arch`. */
  readonly arch: string
}

const CANDIDATES = ['c++', 'g++', 'clang++']

/** The first versions with all of C++20 that the sources need. */
const VERSIONS_MIN = { 'g++': 11, 'clang++': 14 } as const

const ADVICE =
  `'apt-get install g++' on Debian and Ubuntu, 'dnf install gcc-c++' on Fedora, 'apk add g++' on Alpine, ` +
  `'xcode-select --install' on macOS`

/** The predefined macro of each processor with 64 bits. */
const PROCESSORS: readonly (readonly [macro: string, arch: string])[] = [
  ['__x86_64__', 'x64'],
  ['__aarch64__', 'arm64'],
  ['__riscv', 'riscv64'],
  ['__s390x__', 's390x'],
  ['__powerpc64__', 'ppc64'],
  ['__loongarch64', 'loong64'],
  ['__mips64', 'mips64el'],
]

/** `CXX`, or the first candidate that starts. */
export function findCompiler(environment: NodeJS.ProcessEnv): Compiler {
  // As in make, CXX can contain a launcher and flags: 'ccache g++'.
  const chosen = environment['CXX']?.trim()
  const candidates = chosen ? [chosen] : CANDIDATES
  for (const candidate of candidates) {
    const command = candidate.split(/\s+/)
    const macros = macrosOf(command, environment)
    if (macros !== undefined) return check(command, macros)
  }
  throw new CommandError(
    `no C++ compiler was found (tested: ${candidates.join(', ')}). Install g++ ${VERSIONS_MIN['g++']}, clang ` +
      `${VERSIONS_MIN['clang++']} or a newer one: ${ADVICE}. Or name it: CXX=/path/to/g++`,
  )
}

/** The predefined macros; undefined if the program does not start or fails. */
function macrosOf(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Map<string, string> | undefined {
  const { status, stdout } = spawnSync(program, [...args, '-E', '-dM', '-x', 'c++', '-'], {
    encoding: 'utf8',
    env,
    input: '',
  })
  if (status !== 0) return undefined
  const lines = stdout.matchAll(/^#define (\w+) (.*)$/gm)
  return new Map(Array.from(lines, ([, name = '', value = '']) => [name, value]))
}

function check(command: readonly string[], macros: ReadonlyMap<string, string>): Compiler {
  const family = macros.has('__clang__') ? 'clang++' : 'g++'
  const version = Number(macros.get(family === 'g++' ? '__GNUC__' : '__clang_major__'))
  const name = `${family} ${version}`
  if (!(version >= VERSIONS_MIN[family])) {
    throw new CommandError(
      `${command.join(' ')} is ${name}, and shmwire needs ${VERSIONS_MIN[family]} or newer for C++20. ` +
        `Install a newer one and name it: CXX=/path/to/${family}`,
    )
  }
  if (macros.get('__SIZEOF_POINTER__') !== '8') {
    throw new CommandError(
      `${command.join(' ')} compiles for a processor with 32 bits, and shared memory needs 64. ` +
        `Channels use the socket there`,
    )
  }
  const arch = PROCESSORS.find(([macro]) => macros.has(macro))?.[1] ?? 'unknown'
  return { command, name, arch }
}
