import { dirname, join } from 'node:path'
import { runningFile } from '../../native/addon-files.js'

/** The files of the package that have this code (scripts/build.mjs), and the way to the code of the thread. */
const FILES_OF_PACKAGE: readonly (readonly [file: RegExp, worker: string])[] = [
  [/[/\\]dist[/\\]shmwire-core\.js$/, 'engine/sqlite/store-worker.js'],
  [/[/\\]build[/\\]modules[/\\]native[/\\]addon-files\.js$/, '../engine/sqlite/store-worker.js'],
  [/[/\\]src[/\\]native[/\\]addon-files\.ts$/, '../../build/modules/engine/sqlite/store-worker.js'],
]

/** The file of the thread, or undefined if this code is in the bundle of a program, which does not have that file. */
export function workerFile(file: string | undefined = runningFile()): string | undefined {
  if (file === undefined) return undefined
  const own = FILES_OF_PACKAGE.find(([pattern]) => pattern.test(file))
  return own === undefined ? undefined : join(dirname(file), own[1])
}
