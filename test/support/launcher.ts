import { spawnSync } from 'node:child_process'

/** The launcher of a child (see ChildOptions), or the reason why this machine lacks it. */
export type Launcher = { readonly words: readonly string[] } | { readonly missing: string }

/** Ends the test as skipped, with a note: `skip` of a test's context. */
export type Skip = (note: string) => never

/** Returns a launcher after it has started a program. */
export function launcherOf(...words: readonly [string, ...string[]]): Launcher {
  const [program, ...rest] = words
  const { error, status, stderr } = spawnSync(program, [...rest, 'true'], { encoding: 'utf8' })
  // `unshare`, `prlimit` and the like come with one package.
  if (error !== undefined) return { missing: `apt-get install util-linux: ${error.message}` }
  if (status === 0) return { words }
  return { missing: `${words.join(' ')} starts nothing (status ${status}): ${stderr.trim()}` }
}

/** Runs a line of shell commands, and then the child in the same process. */
export function shellLauncher(commands: string, ...before: readonly string[]): Launcher {
  const [first, ...rest] = [...before, 'sh', '-c', `${commands} && exec "$@"`, 'sh']
  return launcherOf(first, ...rest)
}

/** The words of a launcher; skips the test where there are none. */
export function wordsOf(launcher: Launcher, skip: Skip): readonly string[] {
  return 'missing' in launcher ? skip(launcher.missing) : launcher.words
}
