import type { Logger } from './options.js'
import { printable } from './printable.js'
import { runApart } from './uncaught.js'

const LINE_CHARACTERS_MAX = 4096

/** Writes one line to the user's logger. The text may hold what a peer wrote, so it is made printable here in any case. */
export function log(logger: Logger | undefined, level: keyof Logger, text: string): void {
  if (logger === undefined) return
  const line = printable(`shmwire: ${text}`, LINE_CHARACTERS_MAX)
  runApart(() => logger[level](line))
}
