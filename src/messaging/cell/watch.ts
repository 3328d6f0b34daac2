import { waitWithin } from '../../deadline.js'
import { checkOptionNames, checkWaitOptions, invalid } from '../../options.js'
import type { ClientTarget } from '../../service/client-connection.js'
import { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { FollowingWatch } from './following-watch.js'
import type { CellWatch, WatchOptions } from './types.js'
import { type OpenedWatch, WatchAttempt, type WatchSettings } from './watch-attempt.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof WatchOptions)[]

/** As the calls of a client. */
const TIMEOUT_MS = 30_000

/**
 * Watches a cell. Resolves when `get` has a value. If the writer closes or dies, the watch keeps its last value and follows the next writer
 * at the same target, until it is closed.
 *
 * @param target the address of the cell; a channel to its server; or a function that opens one
 * @param options `timeoutMs` is 30,000 unless given
 * @throws `INVALID_ARGUMENT`, `CODEC`, `NO_HANDLER` if there is no such cell, and the errors of `connect`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the type of the value
export async function watch<Value = any>(
  target: ClientTarget,
  options: WatchOptions = {},
): Promise<CellWatch<Value>> {
  checkOptionNames(options, OPTION_NAMES)
  const { engine, codec, channel } = options
  if (engine !== undefined) {
    if (typeof target !== 'string') throw invalid('target', target, 'the name of a cell of the engine')
    return engine.watch<Value>(target, options)
  }
  const { signal, timeoutMs = TIMEOUT_MS } = checkWaitOptions(options, OPTION_NAMES)
  const settings: WatchSettings = {
    target,
    channel,
    service: serviceName('cell', options.name),
    // The writer bounds the values.
    codec: new MessageCodec(codec, Number.POSITIVE_INFINITY, ''),
  }
  const opened = await waitWithin<OpenedWatch>({ signal, timeoutMs }, 'watching', (resolve, reject) => {
    const attempt = new WatchAttempt(settings)
    void attempt.run().then(resolve, reject)
    return () => attempt.abort()
  })
  try {
    return new FollowingWatch<Value>(settings, opened)
  } catch (error) {
    await opened.disconnect().catch(() => {})
    throw error
  }
}
