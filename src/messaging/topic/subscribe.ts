import { waitWithin } from '../../deadline.js'
import { checkOptionNames, checkWaitOptions, invalid, type WaitOptions } from '../../options.js'
import type { ClientTarget } from '../../service/client-connection.js'
import { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { KeyFilter } from './key.js'
import { SubscribeAttempt } from './subscribe-attempt.js'
import { checkFrom } from './subscribe-frames.js'
import type { SubscribeOptions, Subscription } from './types.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'from',
  'keys',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof SubscribeOptions)[]

/** As the calls of a client. */
const TIMEOUT_MS = 30_000

/**
 * Subscribes to a topic. Once it resolves, every message published later is either delivered or counted as lost. Messages are read when a
 * loop or a listener of `message` wants them.
 *
 * @param target the address of the topic; a channel to its server; or a function that opens one
 * @param options `timeoutMs` is 30,000 unless given
 * @throws `INVALID_ARGUMENT`, `BACKLOG`, `NO_HANDLER` if there is no such topic, and the errors of `connect`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function subscribe<Message = any>(
  target: ClientTarget,
  options: SubscribeOptions = {},
): Promise<Subscription<Message>> {
  checkOptionNames(options, OPTION_NAMES)
  const { engine, codec: codecOption, from, keys, channel } = options
  if (engine !== undefined) {
    if (typeof target !== 'string') throw invalid('target', target, 'the name of a topic of the engine')
    return engine.subscribe<Message>(target, options)
  }
  const { signal, timeoutMs = TIMEOUT_MS } = checkWaitOptions(options, OPTION_NAMES)
  const settings = {
    target,
    channel,
    service: serviceName('topic', options.name),
    name: options.name ?? '',
    // The ring of the publisher bounds the messages.
    codec: new MessageCodec(codecOption, Number.POSITIVE_INFINITY, ''),
    from: checkFrom(from),
    filter: new KeyFilter(keys),
  }
  return attempt(settings, { signal, timeoutMs })
}

function attempt<Message>(
  settings: ConstructorParameters<typeof SubscribeAttempt<Message>>[0],
  bounds: WaitOptions,
): Promise<Subscription<Message>> {
  return waitWithin(bounds, 'subscribing', (resolve, reject) => {
    const attempted = new SubscribeAttempt<Message>(settings)
    void attempted.run().then(resolve, reject)
    return () => attempted.abort()
  })
}
