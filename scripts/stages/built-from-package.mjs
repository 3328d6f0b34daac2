import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { find, findAny, run } from './command.mjs'

/** A C++ compiler starts these. */
const PROGRAMS = ['as', 'ld']

/** Compiles the addon of the package installed in `scratch` as on a platform without a prebuilt one, and exchanges messages with it. */
export async function builtFromPackage(report, scratch, env) {
  const name = 'shmwire build'
  const compiler = findAny('c++', 'g++', 'clang++')
  const programs = PROGRAMS.map(find)
  if (compiler === undefined || programs.includes(undefined)) return report.skip(name, 'apt-get install g++')
  const path = join(scratch, 'compiler-only')
  mkdirSync(path)
  symlinkSync(process.execPath, join(path, 'node'))
  for (const program of [compiler, ...PROGRAMS]) symlinkSync(find(program), join(path, program))
  rmSync(join(scratch, 'node_modules/shmwire/prebuilds'), { recursive: true })
  const command = join(scratch, 'node_modules/.bin/shmwire')
  const built = await run(command, ['build'], { cwd: scratch, env: { ...env, PATH: path } })
  if (!report.check(`${name} needs a compiler only`, built)) return
  const used = await run(process.execPath, ['import.mjs'], { cwd: scratch, env })
  report.check(`the addon of ${name} exchanges messages by ${used.output.trim()}`, {
    ok: used.ok && used.output.trim() === 'shm',
    output: used.output,
  })
}
