import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../stages/command.mjs'
import { readTrace } from './trace.mjs'

const SOURCE = join(root, 'native/test/power/write_trace.cc')
const WRITER = join(root, 'test/process/children/power/store-writer.mjs')

/** Compiles the library that records writes, into `folder`. Throws if there is no compiler. */
export function compileRecorder(folder) {
  const library = join(folder, 'write-trace.so')
  const compiler = process.env.CXX ?? 'c++'
  const args = ['-std=c++20', '-O1', '-shared', '-fPIC', '-o', library, SOURCE]
  const { error, status, stderr } = spawnSync(compiler, args, { encoding: 'utf8' })
  if (error !== undefined)
    throw new Error(`apt-get install g++, or name a C++ compiler with CXX: ${error.message}`)
  if (status !== 0) throw new Error(`${SOURCE} does not compile:\n${stderr}`)
  return library
}

/** Runs store-writer.mjs in an empty folder, and returns what it has done with its files. */
export function recordWrites(library, folder, { seed, calls, sessions }) {
  const files = join(folder, 'files')
  const trace = join(folder, 'trace')
  if (existsSync(files)) throw new Error(`${files} exists`)
  mkdirSync(files)
  const { status, stderr } = spawnSync(process.execPath, [WRITER, files, seed, calls, sessions].map(String), {
    encoding: 'utf8',
    env: { ...process.env, LD_PRELOAD: library, SHMWIRE_TRACE: trace, SHMWIRE_TRACE_FOLDER: files },
  })
  if (status !== 0) throw new Error(`the writer ended with ${status}: ${stderr}`)
  return readTrace(trace)
}
