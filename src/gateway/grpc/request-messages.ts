import type { Readable } from 'node:stream'
import { Fifo } from '../../fifo.js'
import { ServiceError } from '../../service-error.js'
import { decompress, tooLong } from './compression.js'
import { MessageDecoder, MessageTooLong, type WireMessage } from './message-decoder.js'

/** The stream is paused while so many bytes or messages wait. */
const WAITING_BYTES_MAX = 64 * 1024
const WAITING_MESSAGES_MAX = 16

type Result = IteratorResult<Buffer, undefined>

interface Waiter {
  readonly resolve: (message: WireMessage | undefined) => void
  readonly reject: (error: Error) => void
}

/**
 * The messages that the client of a call sends, for one loop. The stream is read only as fast as the loop takes them; the window of HTTP/2
 * then stops the client.
 */
export class RequestMessages implements AsyncIterableIterator<Buffer, undefined> {
  readonly #stream: Readable
  readonly #encoding: string | undefined
  readonly #bytesMax: number
  readonly #decoder: MessageDecoder
  readonly #waiting = new Fifo<WireMessage>()
  readonly #onInvalid: (error: ServiceError) => void
  #waitingBytes = 0
  #waiter: Waiter | undefined
  /** No message follows those that wait. */
  #end: { readonly error: Error | undefined } | undefined

  /** `onInvalid` gets the error that ends the call: bytes that are not messages, or a message that is too long. */
  constructor(
    stream: Readable,
    encoding: string | undefined,
    bytesMax: number,
    onInvalid: (error: ServiceError) => void,
  ) {
    this.#stream = stream
    this.#encoding = encoding
    this.#bytesMax = bytesMax
    this.#decoder = new MessageDecoder(bytesMax)
    this.#onInvalid = onInvalid
    stream.on('data', this.#take)
    stream.once('end', this.#finish)
  }

  async next(): Promise<Result> {
    const message = await this.#next()
    if (message === undefined) return { value: undefined, done: true }
    const { compressed, bytes } = message
    if (!compressed) return { value: bytes, done: false }
    try {
      return { value: await decompress(bytes, this.#encoding, this.#bytesMax), done: false }
    } catch (error) {
      this.#fail(error as ServiceError)
      throw error
    }
  }

  /** The loop was left: what follows is dropped. */
  async return(): Promise<Result> {
    this.stop(undefined)
    return { value: undefined, done: true }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  /** The one message of a call that has only one. Rejects with the error of the call. */
  async only(): Promise<Buffer> {
    const first = await this.next()
    if (first.done === true) throw new ServiceError('UNIMPLEMENTED', 'the call has no request message')
    const second = await this.next()
    if (second.done === true) return first.value
    throw new ServiceError(
      'UNIMPLEMENTED',
      'the call has more than one request message; its method takes one',
    )
  }

  /** The call has ended. A loop that waits ends too, with `error` if there is one. */
  stop(error: Error | undefined): void {
    this.#waiting.clear()
    this.#waitingBytes = 0
    this.#endWith(error)
    this.#stream.off('data', this.#take)
    this.#stream.off('end', this.#finish)
    // Without a reader, an ended stream would not close.
    this.#stream.resume()
  }

  readonly #take = (chunk: Buffer): void => {
    try {
      this.#decoder.decode(chunk, (message) => this.#deliver(message))
    } catch (error) {
      if (!(error instanceof MessageTooLong)) throw error
      this.#fail(tooLong(`a message has ${error.bytes} bytes`, this.#bytesMax))
      return
    }
    if (this.#waitingBytes >= WAITING_BYTES_MAX || this.#waiting.length >= WAITING_MESSAGES_MAX)
      this.#stream.pause()
  }

  readonly #finish = (): void => {
    if (this.#decoder.incomplete)
      this.#fail(new ServiceError('INTERNAL', 'the client ended its stream within a message'))
    else this.#endWith(undefined)
  }

  #next(): Promise<WireMessage | undefined> {
    const message = this.#waiting.shift()
    if (message !== undefined) {
      this.#waitingBytes -= message.bytes.length
      if (this.#waiting.length === 0 && this.#stream.isPaused()) this.#stream.resume()
      return Promise.resolve(message)
    }
    if (this.#end !== undefined) {
      const { error } = this.#end
      return error === undefined ? Promise.resolve(undefined) : Promise.reject(error)
    }
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject }
    })
  }

  #deliver(message: WireMessage): void {
    const waiter = this.#waiter
    if (waiter !== undefined) {
      this.#waiter = undefined
      waiter.resolve(message)
    } else {
      this.#waiting.push(message)
      this.#waitingBytes += message.bytes.length
    }
  }

  #fail(error: ServiceError): void {
    this.stop(error)
    this.#onInvalid(error)
  }

  #endWith(error: Error | undefined): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    const waiter = this.#waiter
    this.#waiter = undefined
    if (error === undefined) waiter?.resolve(undefined)
    else waiter?.reject(error)
  }
}
