import { AsyncQueue } from '../../async-queue.js'
import { Channel } from '../../channel/channel.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { KeepConnectedOptions } from '../../keep-connected.js'
import type { WaitOptions } from '../../options.js'
import { ClientConnection, type ClientTarget } from '../../service/client-connection.js'
import type { CallStream } from '../../service/contract/contract-types.js'
import { ServiceCalls } from '../../service/service-calls.js'
import { bytesMessage } from '../bytes-contract.js'
import { receivedError } from '../carried-error.js'

/** The channel carries few messages: those of the attachment, and of topics and cells without shared memory. */
const RING_BYTES = 64 * 1024

/** One call with a stream of frames in each direction, on a channel of its own unless the program passed one. */
export class Conversation {
  readonly #connection: ClientConnection
  readonly #ownsChannel: boolean
  readonly #outgoing = new AsyncQueue<Buffer>()
  #frames: CallStream<Buffer> | undefined
  #channel: Channel | undefined

  /** Connects at once. Throws `INVALID_ARGUMENT`. */
  constructor(target: ClientTarget, options: KeepConnectedOptions | undefined) {
    const channel = typeof target === 'string' ? { ringBytes: RING_BYTES, ...options } : options
    this.#ownsChannel = !(target instanceof Channel)
    this.#connection = new ClientConnection(target, channel)
  }

  /** Calls the method. Resolves to the channel. Rejects with the error of the first attempt to connect. */
  async open(service: string, method: string): Promise<Channel> {
    await this.#connection.first(false, undefined)
    const { channel } = this.#connection
    if (channel === undefined) throw this.#connection.absence()
    const calls = new ServiceCalls(this.#connection, service, {
      timeoutMs: Number.POSITIVE_INFINITY,
      retries: 0,
    })
    const { binary } = bytesMessage
    const call = calls.function(method, { kind: 'bidi', idempotent: false, output: bytesMessage, binary })
    this.#frames = call(this.#outgoing.iterate(() => {})) as CallStream<Buffer>
    this.#channel = channel
    // A further channel would have no conversation.
    this.onChannelEnd(() => {
      this.#connection.close(undefined).catch(() => {})
    })
    return channel
  }

  /** The frames of the server, after `open`. */
  get frames(): CallStream<Buffer> {
    if (this.#frames === undefined) throw new ShmwireError(ErrorCode.INVALID_STATE, 'call open first')
    return this.#frames
  }

  /** Frames that are not sent yet. */
  get waiting(): number {
    return this.#outgoing.length
  }

  send(frame: Buffer): void {
    this.#outgoing.push(frame)
  }

  /** Calls `onEnd` when the channel has ended. Not for a channel of the program, which can have any number of conversations. */
  onChannelEnd(onEnd: (error: Error | undefined) => void): void {
    if (this.#ownsChannel) this.#channel?.once('close', onEnd)
  }

  /** The next frame. Rejects with the errors of the call. */
  async next(): Promise<Buffer> {
    let result: IteratorResult<Buffer, undefined>
    try {
      result = await this.frames.next()
    } catch (error) {
      throw receivedError(error)
    }
    if (result.done !== true) return result.value
    throw new ShmwireError(
      ErrorCode.CLOSED,
      'the other side ended the conversation before its first messages',
    )
  }

  /** Ends the call, and the channel unless it belongs to the program. */
  async close(options?: WaitOptions): Promise<void> {
    this.#outgoing.end()
    void this.#frames?.return()
    await this.#connection.close(options)
  }
}
