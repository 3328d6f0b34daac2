import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

/** Runtimes and packages for other platforms stay here between runs. */
export const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'shmwire-tests')

/** The folder of an npm package, unpacked there at the first use. Its dependencies are not installed. Throws if it cannot be downloaded. */
export function fetchPackage(name, version) {
  const folder = join(CACHE, `${name.replace('/', '+')}@${version}`)
  if (!existsSync(folder)) {
    mkdirSync(CACHE, { recursive: true })
    const unfinished = mkdtempSync(join(CACHE, 'unfinished-'))
    runOrThrow('npm', ['pack', '--silent', `${name}@${version}`], { cwd: unfinished })
    runOrThrow('sh', ['-c', 'tar -xzf ./*.tgz && rm ./*.tgz'], { cwd: unfinished })
    renameSync(unfinished, folder)
  }
  return join(folder, 'package')
}

/** Runs a program to its end, and returns what it printed. */
export function runOrThrow(command, args, options = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', ...options })
  if (status === 0) return stdout
  const output = error?.message ?? `${stdout ?? ''}${stderr ?? ''}`
  throw new Error(`'${command} ${args.join(' ')}' failed${output === '' ? '' : `:\n${output}`}`)
}
