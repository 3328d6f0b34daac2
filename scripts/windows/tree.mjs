import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Copies the sources and what is built of them to a folder with the dependencies of Windows: their binaries differ, and node_modules of the
 * repository has those of this system.
 */
export function copyTree(root, tree) {
  mkdirSync(tree, { recursive: true })
  const { stdout } = spawnSync('git', ['ls-files', '-coz', '--exclude-standard'], {
    cwd: root,
    encoding: 'utf8',
  })
  const files = stdout.split('\0').filter((file) => file !== '' && !file.startsWith('node_modules'))
  for (const file of files) copyNewer(join(root, file), join(tree, file))
  for (const built of ['dist', 'build/modules', 'prebuilds/win32-x64']) {
    rmSync(join(tree, built), { recursive: true, force: true })
    cpSync(join(root, built), join(tree, built), { recursive: true })
  }
  installDependencies(tree)
}

function copyNewer(from, to) {
  const stats = statSync(from, { throwIfNoEntry: false })
  // A deleted file is in the index until the deletion is staged.
  if (stats === undefined) rmSync(to, { force: true })
  if (!stats?.isFile() || statSync(to, { throwIfNoEntry: false })?.mtimeMs === stats.mtimeMs) return
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { preserveTimestamps: true })
}

/** Takes some minutes, once for each state of the lock file. */
function installDependencies(tree) {
  const lock = readFileSync(join(tree, 'package-lock.json'), 'utf8')
  const stamp = join(tree, 'installed-lock.json')
  if (statSync(stamp, { throwIfNoEntry: false }) && readFileSync(stamp, 'utf8') === lock) return
  const args = ['ci', '--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund']
  const { status } = spawnSync('npm', args, { cwd: tree, stdio: 'inherit' })
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed in ${tree}`)
  writeFileSync(stamp, lock)
}
