import type { Channel } from '../channel/channel.js'
import { invalid } from '../options.js'

/** Throws `INVALID_ARGUMENT` unless the value is a channel, also one of another copy of this package. */
export function checkChannel(value: unknown): void {
  if (typeof (value as Channel | undefined)?.trySend !== 'function')
    throw invalid('channel', value, 'a channel of connect or listen')
}
