import type { WriteStream } from 'node:tty'

/**
 * Whether the output has colours. `FORCE_COLOR` decides if it is set, for any output and terminal; `styleText` would also consider the name
 * of the terminal. Without it, a terminal decides, which respects `NO_COLOR`.
 */
export function hasColours(
  env: NodeJS.ProcessEnv,
  stdout: Partial<Pick<WriteStream, 'isTTY' | 'hasColors'>>,
): boolean {
  const forced = env['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stdout.isTTY === true && stdout.hasColors?.() === true
}
