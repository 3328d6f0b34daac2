import type { Channel } from '../../channel/channel.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { sleep } from '../../host.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { NativeBroadcastReader } from '../../native/messaging-binding.js'
import { resolveOptions } from '../../options.js'
import type { ClientTarget } from '../../service/client-connection.js'
import { attachAsClient, type ClientAttachment } from '../attach/client-attach.js'
import { type AvailableMemory, clientMemory } from '../attach/client-memory.js'
import { corrupt, type Frames, readControl } from '../attach/control-frame.js'
import { Conversation } from '../attach/conversation.js'
import { credentialsOf, memoryRequired } from '../attach/memory-terms.js'
import { receivedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import { TopicFrame } from './batch-frame.js'
import type { BatchSource, SourceEvents } from './batch-source.js'
import { FeedSource } from './feed-source.js'
import type { KeyFilter } from './key.js'
import { type BroadcastBinding, broadcastBinding, createNativeReader, NativeReader } from './native-ring.js'
import type { RingStart } from './ring.js'
import { ShmSource } from './shm-source.js'
import {
  encodeSubscribe,
  readBegin,
  readWelcome,
  TOPIC_VERSION,
  type WelcomeFrame,
} from './subscribe-frames.js'
import { TopicSubscription } from './subscription.js'
import type { SubscribeFrom } from './types.js'

export interface SubscribeSettings {
  readonly target: ClientTarget
  readonly channel: KeepConnectedOptions | undefined
  readonly service: string
  /** Of the topic. */
  readonly name: string
  readonly codec: MessageCodec
  readonly from: SubscribeFrom
  readonly filter: KeyFilter
}

const ROOM = Buffer.of(TopicFrame.ROOM)
const TOO_SLOW = Buffer.of(TopicFrame.TOO_SLOW)
const TOPIC = 'the topic'
/** The topic has this time to count a subscriber that is too slow. */
const REPORT_MS = 1_000

/** Where the messages of a subscription come from. */
interface Opened {
  /** The sequence of the first message. */
  readonly begin: number
  readonly isMemory: boolean
  readonly fallbackReason: string | undefined
  readonly open: (events: SourceEvents) => BatchSource
}

/** Connects, and runs the first part of the conversation of a subscription. */
export class SubscribeAttempt<Message> {
  readonly #settings: SubscribeSettings
  readonly #conversation: Conversation
  #isAborted = false
  /** Undefined, or a reader that no source owns yet. */
  #reader: NativeReader | undefined
  #streamEnd: Promise<void> | undefined

  /** Connects at once. Throws `INVALID_ARGUMENT`. */
  constructor(settings: SubscribeSettings) {
    this.#settings = settings
    this.#conversation = new Conversation(settings.target, settings.channel)
  }

  /** Rejects with the errors of `subscribe`; then nothing is open. */
  async run(): Promise<TopicSubscription<Message>> {
    try {
      const subscription = await this.#subscribe()
      // The caller does not wait any more.
      if (this.#isAborted) await subscription.close()
      return subscription
    } catch (error) {
      this.#reader?.close()
      // The error of the attempt matters, and not that of its end.
      await this.#conversation.close().catch(() => {})
      throw error
    }
  }

  /** The caller does not wait any more. */
  abort(): void {
    this.#isAborted = true
    this.#conversation.close().catch(() => {})
  }

  async #subscribe(): Promise<TopicSubscription<Message>> {
    const { codec, filter, from, service, target } = this.#settings
    const conversation = this.#conversation
    const memory = await clientMemory(target, this.#settings.channel)
    const binding = memory.obstacle === undefined ? broadcastBinding(memory.binding) : undefined
    const obstacle =
      memory.obstacle ?? (binding === undefined ? 'topics have no shared memory on this system' : undefined)
    if (obstacle !== undefined) this.#assertMayFallBack(obstacle)
    const channel = await conversation.open(service, 'subscribe')
    conversation.send(encodeSubscribe({ version: TOPIC_VERSION, codec: codec.name, from, obstacle }))
    const welcome = readWelcome(readControl(await conversation.next(), TOPIC))
    codec.assertSame(welcome.codec, TOPIC)
    const attachment = await attachAsClient<NativeBroadcastReader>({
      server: TOPIC,
      frames: this.#frames(),
      send: (frame) => conversation.send(frame),
      createReader: () => createReader(binding, welcome),
      handoverPath: (memory as Partial<AvailableMemory>).handoverPath ?? '',
      credentials: credentialsOf(channel.peer),
    })
    const opened = await this.#begin(attachment, welcome, binding)
    return this.#subscription(opened, welcome, channel, { codec, filter })
  }

  async #begin(
    attachment: ClientAttachment<NativeBroadcastReader>,
    { start, overflow }: WelcomeFrame,
    binding: BroadcastBinding | undefined,
  ): Promise<Opened> {
    if ('reason' in attachment) {
      this.#assertMayFallBack(attachment.reason)
      const begin = checkBegin(readBegin(readControl(await this.#conversation.next(), TOPIC)), start)
      const open = (events: SourceEvents): BatchSource => {
        this.#conversation.onChannelEnd(events.onEnding)
        return new FeedSource(this.#conversation.frames, begin, events)
      }
      return { begin, isMemory: false, fallbackReason: attachment.reason, open }
    }
    const reader = new NativeReader(binding as BroadcastBinding, attachment.reader)
    this.#reader = reader
    const begin = checkBegin(seek(reader, start), start)
    // The publisher has kept room since the attachment, and may wait for what this reader will not read.
    if (overflow === 'block') this.#conversation.send(ROOM)
    return {
      begin,
      isMemory: true,
      fallbackReason: undefined,
      open: (events) => this.#openMemory(reader, binding as BroadcastBinding, events),
    }
  }

  #openMemory(reader: NativeReader, binding: BroadcastBinding, events: SourceEvents): BatchSource {
    const conversation = this.#conversation
    const { wait, spinMicros } = resolveOptions(channelOptions(this.#settings.channel))
    const source = new ShmSource({
      ...events,
      binding,
      reader,
      wait,
      spinMicros,
      // One report is enough for any number of reads.
      onRoom: () => conversation.waiting > 0 || conversation.send(ROOM),
    })
    this.#reader = undefined
    this.#streamEnd = watchEnd(conversation, source)
    return source
  }

  #subscription(
    { begin, isMemory, fallbackReason, open }: Opened,
    { epoch, isOtherEpoch, overflow }: WelcomeFrame,
    channel: Channel,
    { codec, filter }: Pick<SubscribeSettings, 'codec' | 'filter'>,
  ): TopicSubscription<Message> {
    const conversation = this.#conversation
    let isTooSlow = false
    const { target, name } = this.#settings
    return new TopicSubscription<Message>({
      place: { address: typeof target === 'string' ? target : '', name },
      codec,
      filter,
      epoch,
      begin,
      isOtherEpoch,
      endsWhenLost: overflow === 'disconnect',
      transport: isMemory ? 'shm' : channel.transport,
      fallbackReason,
      open,
      onTooSlow: () => {
        isTooSlow = isMemory
        if (isMemory) conversation.send(TOO_SLOW)
      },
      disconnect: async (options) => {
        // The topic ends the call then. An earlier end of this side could overtake the report.
        if (isTooSlow) await Promise.race([this.#streamEnd, sleep(REPORT_MS, undefined, { ref: false })])
        await conversation.close(options)
      },
    })
  }

  #frames(): Frames {
    return { next: async () => ({ done: false, value: await this.#conversation.next() }) }
  }

  #assertMayFallBack(reason: string): void {
    if (this.#settings.channel?.transport === 'shm') throw memoryRequired(reason)
  }
}

function createReader(
  binding: BroadcastBinding | undefined,
  { overflow }: WelcomeFrame,
): NativeBroadcastReader {
  // The topic knows from the first message that this side has no memory.
  if (binding === undefined)
    throw new ShmwireError(ErrorCode.CORRUPT, 'the topic offers shared memory, which this side has ruled out')
  return createNativeReader(binding, overflow === 'block')
}

/** Throws `CORRUPT` for a start that the topic does not have. */
function seek(reader: NativeReader, start: RingStart): number {
  try {
    return reader.seek(start)
  } catch (error) {
    if ((error as ShmwireError).code !== ErrorCode.INVALID_ARGUMENT) throw error
    throw corrupt(TOPIC, `the start ${start}, which its memory does not have`)
  }
}

/** The sequences that the subscriber counts begin there. */
function checkBegin(begin: number, start: RingStart): number {
  if (typeof start === 'number' && begin !== start)
    throw corrupt(TOPIC, `the start ${start}, and its messages begin at ${begin}`)
  return begin
}

function channelOptions({ timeoutMs: _timeoutMs, backOff: _backOff, ...options }: KeepConnectedOptions = {}) {
  return options
}

/** The topic sends nothing to a reader of its memory. The end of the stream is the end of the topic, or of its process. */
async function watchEnd(conversation: Conversation, source: ShmSource): Promise<void> {
  let error: Error | undefined
  try {
    const result = await conversation.frames.next()
    if (result.done !== true)
      error = new ShmwireError(ErrorCode.CORRUPT, 'the topic sent a message to a reader of its memory')
  } catch (thrown) {
    error = receivedError(thrown)
  }
  source.finish(error)
}
