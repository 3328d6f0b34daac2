import { ErrorCode, ShmwireError } from '../../errors.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { NativeCellReader } from '../../native/messaging-binding.js'
import type { WaitOptions } from '../../options.js'
import type { ClientTarget } from '../../service/client-connection.js'
import type { Transport } from '../../transport.js'
import { attachAsClient } from '../attach/client-attach.js'
import { type AvailableMemory, clientMemory } from '../attach/client-memory.js'
import { readControl } from '../attach/control-frame.js'
import { Conversation } from '../attach/conversation.js'
import { credentialsOf, memoryRequired } from '../attach/memory-terms.js'
import { receivedError } from '../carried-error.js'
import type { MessageCodec } from '../message-codec.js'
import { MemorySource } from './memory-source.js'
import { type CellBinding, cellBinding } from './native-cell.js'
import { StreamSource } from './stream-source.js'
import type { ValueEvents, ValueSource } from './value-source.js'
import { CELL_VERSION, encodeTaken, encodeWatch, readValue, readWelcome } from './watch-frames.js'

export interface WatchSettings {
  readonly target: ClientTarget
  readonly channel: KeepConnectedOptions | undefined
  readonly service: string
  readonly codec: MessageCodec
}

/** A watch that the writer has accepted. */
export interface OpenedWatch {
  readonly epoch: string
  readonly transport: Transport
  readonly fallbackReason: string | undefined
  /** Called once. Throws errors of the addon. */
  readonly open: (events: ValueEvents) => ValueSource
  /** Ends the connection, unless it belongs to the program. */
  readonly disconnect: (options?: WaitOptions) => Promise<void>
}

const CELL = 'the cell'

/** Connects to one writer, and runs the first part of the conversation of a watch. */
export class WatchAttempt {
  readonly #settings: WatchSettings
  readonly #conversation: Conversation
  #isAborted = false
  /** Undefined, or a reader that no source owns yet. */
  #reader: NativeCellReader | undefined

  /** Connects at once. Throws `INVALID_ARGUMENT`. */
  constructor(settings: WatchSettings) {
    this.#settings = settings
    this.#conversation = new Conversation(settings.target, settings.channel)
  }

  /** Rejects with the errors of `watch`; then nothing is open. */
  async run(): Promise<OpenedWatch> {
    try {
      const opened = await this.#watch()
      if (!this.#isAborted) return opened
      throw new ShmwireError(ErrorCode.ABORTED, 'the watch was closed meanwhile')
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

  async #watch(): Promise<OpenedWatch> {
    const { codec, service, target } = this.#settings
    const conversation = this.#conversation
    const memory = await clientMemory(target, this.#settings.channel)
    const binding = memory.obstacle === undefined ? cellBinding(memory.binding) : undefined
    const obstacle =
      memory.obstacle ?? (binding === undefined ? 'cells have no shared memory on this system' : undefined)
    if (obstacle !== undefined) this.#assertMayFallBack(obstacle)
    const channel = await conversation.open(service, 'watch')
    conversation.send(encodeWatch({ version: CELL_VERSION, codec: codec.name, obstacle }))
    const { epoch, codec: name } = readWelcome(readControl(await conversation.next(), CELL))
    codec.assertSame(name, CELL)
    const attachment = await attachAsClient<NativeCellReader>({
      server: CELL,
      frames: { next: async () => ({ done: false, value: await conversation.next() }) },
      send: (frame) => conversation.send(frame),
      createReader: () => createReader(binding),
      handoverPath: (memory as Partial<AvailableMemory>).handoverPath ?? '',
      credentials: credentialsOf(channel.peer),
    })
    const disconnect = (options?: WaitOptions): Promise<void> => conversation.close(options)
    if ('reason' in attachment) {
      const { reason } = attachment
      const open = await this.#stream(reason)
      return { epoch, transport: channel.transport, fallbackReason: reason, open, disconnect }
    }
    const { reader } = attachment
    this.#reader = reader
    const open = (events: ValueEvents): ValueSource => {
      const source = new MemorySource(binding as CellBinding, reader, events)
      this.#reader = undefined
      void watchEnd(conversation, events)
      return source
    }
    return { epoch, transport: 'shm', fallbackReason: undefined, open, disconnect }
  }

  /** Waits for the first value, so that `get` has one. */
  async #stream(reason: string): Promise<OpenedWatch['open']> {
    this.#assertMayFallBack(reason)
    const conversation = this.#conversation
    const first = readValue(await conversation.next(), 0)
    conversation.send(encodeTaken(first.version))
    return (events) => new StreamSource(conversation, first, events)
  }

  #assertMayFallBack(reason: string): void {
    if (this.#settings.channel?.transport === 'shm') throw memoryRequired(reason)
  }
}

function createReader(binding: CellBinding | undefined): NativeCellReader {
  // The cell knows from the first message that this side has no memory.
  if (binding === undefined)
    throw new ShmwireError(ErrorCode.CORRUPT, 'the cell offers shared memory, which this side has ruled out')
  return new binding.CellReader()
}

/** The cell sends nothing to a reader of its memory. The end of the stream is the end of the cell, or of its process. Never rejects. */
async function watchEnd(conversation: Conversation, { onEnd }: ValueEvents): Promise<void> {
  let error: Error | undefined
  try {
    const result = await conversation.frames.next()
    if (result.done !== true)
      error = new ShmwireError(ErrorCode.CORRUPT, 'the cell sent a message to a reader of its memory')
  } catch (thrown) {
    error = receivedError(thrown)
  }
  onEnd(error)
}
