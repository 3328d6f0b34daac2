import { debuglog } from 'node:util'
import type { Logger } from './options.js'
import { printable } from './printable.js'
import { runApart } from './uncaught.js'

const LINE_CHARACTERS_MAX = 4096

/** Writes to stderr if the environment variable `NODE_DEBUG` names `shmwire`. */
const debug = debuglog('shmwire')

/**
 * Writes one line to the user's logger, and to stderr with `NODE_DEBUG=shmwire`. Without both, it does not call `textOf`. The text can quote
 * a peer, so hidden characters are escaped.
 */
export function log(logger: Logger | undefined, level: keyof Logger, textOf: () => string): void {
  if (logger === undefined && !debug.enabled) return
  const line = printable(`shmwire: ${textOf()}`, LINE_CHARACTERS_MAX)
  debug('%s', line)
  if (logger !== undefined) runApart(() => logger[level](line))
}
