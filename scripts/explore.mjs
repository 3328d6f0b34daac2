// Builds and runs the explorer, which runs the real core with one interleaving of its accesses to shared memory for each seed.
//
//   npm run explore                                              20,000 seeds of each scenario
//   npm run explore -- --seeds 1000000 --from 7 --scenario loop-room
//
// The same seed is the same run. The last line is `N passed, N failed`, of scenarios.
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const folder = join(root, 'build/cmake/release')

runOrEnd('cmake', ['--preset', 'release', '--log-level=WARNING'], 'pipe')
runOrEnd(
  'cmake',
  ['--build', folder, '--target', 'shmwire_explore', '--parallel', String(availableParallelism())],
  'pipe',
)
runOrEnd(join(folder, 'shmwire_explore'), process.argv.slice(2), 'inherit')

function runOrEnd(command, args, output) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', output, output],
    encoding: 'utf8',
  })
  if (status === 0) return
  if (output === 'pipe') console.error(error?.message ?? `${stdout}${stderr}`)
  process.exit(status ?? 1)
}
