import { waitWithin } from '../../deadline.js'
import { topicPublish } from '../../observe/diagnostics-channels.js'
import type { PublishPayload } from '../../observe/diagnostics-payloads.js'
import { isTraced } from '../../observe/diagnostics-trace.js'
import { checkOptionNames, checkWaitOptions, invalid, type WaitOptions } from '../../options.js'
import { ClientConnection, type ClientTarget } from '../../service/client-connection.js'
import { ServiceCalls } from '../../service/service-calls.js'
import { bytesMessage } from '../bytes-contract.js'
import { receivedError } from '../carried-error.js'
import { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { type Place, placeOf, tracedPublish } from '../traced-messages.js'
import { PrefixEncoder } from './message-prefix.js'
import { encodePublish } from './publish-frame.js'
import type { OpenTopicOptions, PublishOptions, TopicClient } from './types.js'

const OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'engine',
  'channel',
  'signal',
  'timeoutMs',
] satisfies (keyof OpenTopicOptions)[]
const PUBLISH_OPTION_NAMES: readonly string[] = [
  'key',
  'headers',
  'signal',
  'timeoutMs',
] satisfies (keyof (PublishOptions & WaitOptions))[]

/**
 * Connects to the topic of another process, to publish messages to its subscribers. It connects again whenever the topic comes back.
 *
 * @param target the address of the topic; a channel to its server; or a function that opens one
 * @throws `INVALID_ARGUMENT`, and the errors of `connect`
 */
// biome-ignore lint/suspicious/noExplicitAny: the two programs agree on the types of their messages
export async function openTopic<Message = any>(
  target: ClientTarget,
  options: OpenTopicOptions = {},
): Promise<TopicClient<Message>> {
  checkOptionNames(options, OPTION_NAMES)
  const { engine, codec, channel } = options
  const { signal, timeoutMs } = checkWaitOptions(options, OPTION_NAMES)
  if (engine !== undefined) {
    if (typeof target !== 'string') throw invalid('target', target, 'the name of a topic of the engine')
    return engine.createTopic<Message>(target, { codec, signal, timeoutMs })
  }
  const service = serviceName('topic', options.name)
  // The ring of the publisher bounds the messages.
  const messages = new MessageCodec(codec, Number.POSITIVE_INFINITY, '')
  const connection = new ClientConnection(target, channel)
  try {
    await waitWithin({ signal, timeoutMs }, 'the connection to the topic', (resolve, reject) => {
      void connection.first(false, undefined).then(resolve, reject)
      return () => {}
    })
  } catch (error) {
    await connection.close(undefined)
    throw error
  }
  return new RemoteTopic<Message>(connection, service, messages, placeOf(target, options.name))
}

class RemoteTopic<Message> implements TopicClient<Message> {
  readonly #connection: ClientConnection
  readonly #place: Place
  readonly #codec: MessageCodec
  readonly #prefixes = new PrefixEncoder()
  readonly #call: ReturnType<ServiceCalls['function']>

  constructor(connection: ClientConnection, service: string, codec: MessageCodec, place: Place) {
    this.#connection = connection
    this.#place = place
    this.#codec = codec
    const { binary } = bytesMessage
    this.#call = new ServiceCalls(connection, service, {}).function('publish', {
      kind: 'unary',
      idempotent: false,
      output: bytesMessage,
      binary,
    })
  }

  publish(message: Message, options: PublishOptions & WaitOptions = {}): Promise<void> {
    if (!isTraced(topicPublish)) return this.#publish(message, options, undefined)
    return tracedPublish(this.#place, options, (changed = {}, traced) =>
      this.#publish(message, changed, traced),
    )
  }

  async #publish(
    message: Message,
    options: PublishOptions & WaitOptions,
    traced: PublishPayload | undefined,
  ): Promise<void> {
    checkOptionNames(options, PUBLISH_OPTION_NAMES)
    const { bytes, keyBytes } = this.#prefixes.encode(options)
    const body = this.#codec.encode(message)
    if (traced !== undefined) traced.byteLength = body.length
    const frame = encodePublish(this.#codec.name, bytes, keyBytes, body)
    const { signal, timeoutMs } = options
    try {
      await this.#call(frame, { signal, timeoutMs })
    } catch (error) {
      throw receivedError(error)
    }
  }

  close(options?: WaitOptions): Promise<void> {
    return this.#connection.close(options)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
