import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { firstLineOfThrown } from '../../uncaught.js'
import { type Command, CommandError, type CommandIo, UsageError } from '../command.js'
import { buildAddon } from './build-addon.js'
import { type Compiler, findCompiler } from './compiler.js'
import { HEADERS } from './source-list.js'

const OUTPUT = 'build/Release/shmwire.node'

export const buildCommand: Command = {
  name: 'build',
  summary: 'compile the native addon with a C++ compiler alone',
  help: `Usage: shmwire build [--output <file.node>] [--quiet]

Compiles the native addon where the package has no prebuilt one. It needs a C++20 compiler (g++ 11, clang 14, or
newer), but no Python, no make and no network. The environment variable CXX names the compiler.

  --output <file.node>   write this file instead of ${OUTPUT} in the package;
                         the environment variable SHMWIRE_ADDON must then have its absolute path
  --quiet                print errors only
`,
  run,
}

async function run(args: readonly string[], { root, env, out }: CommandIo): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { output: { type: 'string' }, quiet: { type: 'boolean', default: false } },
  })
  const log = values.quiet ? () => {} : (line: string) => out(`${line}\n`)
  const output = values.output === undefined ? join(root, OUTPUT) : resolve(values.output)
  if (!output.endsWith('.node')) throw new UsageError(`--output ${values.output} does not end in .node`)
  if (!existsSync(join(root, HEADERS))) {
    throw new CommandError(`${join(root, HEADERS)} does not exist; install the package shmwire again`)
  }
  const compiler = findCompiler(env)
  log(`compiler: ${compiler.command.join(' ')} (${compiler.name} for ${compiler.arch})`)
  const scratch = createScratch(dirname(output))
  try {
    const built = join(scratch, 'shmwire.node')
    await buildAddon({ root, compiler, objects: join(scratch, 'objects'), output: built }, log)
    checkLoads(built, compiler, log)
    renameSync(built, output)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  log(`built ${output}`)
  if (values.output !== undefined) log(`to use it, set SHMWIRE_ADDON=${output}`)
}

/** Beside the output, so that a rename replaces it. */
function createScratch(folder: string): string {
  try {
    mkdirSync(folder, { recursive: true })
    return mkdtempSync(join(folder, '.shmwire-build-'))
  } catch (error) {
    throw new CommandError(
      `cannot write to ${folder}: ${firstLineOfThrown(error)}. Choose another file with --output <file.node>, and set ` +
        `SHMWIRE_ADDON to its absolute path`,
    )
  }
}

function checkLoads(file: string, compiler: Compiler, log: (line: string) => void): void {
  if (compiler.arch !== process.arch) {
    log(`not loaded, because it is for ${compiler.arch} and this Node.js for ${process.arch}`)
    return
  }
  const { status, stderr } = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', file], {
    encoding: 'utf8',
  })
  if (status === 0) return
  const reason = stderr.split('\n').find((line) => line.startsWith('Error:')) ?? stderr
  throw new CommandError(`the addon was compiled, but this Node.js cannot load it: ${reason}`)
}
