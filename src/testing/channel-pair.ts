import { Channel } from '../channel/channel.js'
import { codecFor } from '../codec/codecs.js'
import { type ChannelOptions, checkOptionNames, resolveOptions } from '../options.js'
import { createInProcessLinks } from './in-process-link.js'

/** The options of `connect` and `listen` that have a meaning inside one process. */
export type ChannelPairOptions = Pick<
  ChannelOptions,
  'codec' | 'maxMessageBytes' | 'maxDecodedBytes' | 'maxOutboxBytes' | 'ringBytes'
>

const OPTION_NAMES: readonly string[] = [
  'codec',
  'maxMessageBytes',
  'maxDecodedBytes',
  'maxOutboxBytes',
  'ringBytes',
] satisfies (keyof ChannelPairOptions)[]

const FALLBACK_REASON = 'both ends of the pair are in this process'

/**
 * Creates two channels that are connected to each other inside this process, for unit tests. They need no server, no address and
 * no addon, and behave like the two ends of a connection over the socket: `transport` is `'unix'`, a claim is a copy, and the
 * blocking calls throw `UNAVAILABLE`. `peer` is this process.
 *
 * `createChannelPair<Incoming, Outgoing>(…)` gives the first channel these types, and the second one the reverse; see `Channel`.
 *
 * @param options `ringBytes` is how many bytes may wait in each direction before `trySend` returns false
 * @throws `INVALID_ARGUMENT`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export function createChannelPair<Incoming = any, Outgoing = any>(
  options: ChannelPairOptions = {},
): [Channel<Incoming, Outgoing>, Channel<Outgoing, Incoming>] {
  checkOptionNames(options, OPTION_NAMES)
  const { codec, ringBytes, maxMessageBytes, maxDecodedBytes, maxOutboxBytes } = resolveOptions(options)
  const [left, right] = createInProcessLinks(ringBytes)
  const shared = {
    codec: codecFor(codec),
    maxMessageBytes,
    maxDecodedBytes,
    maxOutboxBytes,
    fallbackReason: FALLBACK_REASON,
  }
  return [new Channel({ ...shared, link: left }), new Channel({ ...shared, link: right })]
}
