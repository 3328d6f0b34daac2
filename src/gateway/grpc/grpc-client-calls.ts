import type { ClientReadableStream, ServiceError as GrpcError, StatusObject } from '@grpc/grpc-js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import type { CallSettings } from '../../service/call/begin-call.js'
import type { CalledMethod } from '../../service/call/called-method.js'
import { ReceivedStream } from '../../service/call/received-stream.js'
import { SendWindow } from '../../service/call/send-window.js'
import type { PooledConnection } from './connection-pool.js'
import {
  GrpcCall,
  type GrpcCallOwner,
  type GrpcMethod,
  type GrpcRequest,
  type SurfaceCall,
} from './grpc-client-call.js'

/** A call whose outcome is one message. */
export class SingleGrpcCall extends GrpcCall {
  readonly #resolve: (message: unknown) => void
  readonly #reject: (error: Error) => void

  constructor(
    owner: GrpcCallOwner,
    called: CalledMethod,
    method: GrpcMethod,
    settings: CallSettings,
    resolve: (message: unknown) => void,
    reject: (error: Error) => void,
  ) {
    super(owner, called, method, settings)
    this.#resolve = resolve
    this.#reject = reject
  }

  protected open({ client }: PooledConnection, request: GrpcRequest): SurfaceCall {
    const { path, metadata, options, bytes } = request
    let failure: GrpcError | null = null
    let answer: Buffer | undefined
    const outcome = (error: GrpcError | null, message?: Buffer): void => {
      failure = error
      answer = message
    }
    const surface =
      bytes === undefined
        ? client.makeClientStreamRequest(path, identity, identity, metadata, options, outcome)
        : client.makeUnaryRequest(path, identity, identity, bytes, metadata, options, outcome)
    // Right after the outcome; also has the trailers.
    surface.on('status', (status: StatusObject) => this.#end(failure ?? status, failure, answer))
    return surface
  }

  protected failed(error: Error): void {
    this.#reject(error)
  }

  #end(status: StatusObject, failure: GrpcError | null, answer: Buffer | undefined): void {
    if (!this.finished(status, failure)) return
    try {
      this.#resolve(this.decode(answer as Buffer))
    } catch (error) {
      this.#reject(error as Error)
    }
  }
}

/** A call whose outcome is a stream of messages. */
export class StreamGrpcCall extends GrpcCall {
  readonly stream: ReceivedStream
  /** The messages that the program has not taken. */
  readonly #window = new SendWindow()
  #surface: ClientReadableStream<Buffer> | undefined
  /** The call is over, and grpc-js holds messages that arrived before its end. */
  #draining = false
  /** Follows these messages. */
  #error: Error | undefined

  constructor(owner: GrpcCallOwner, called: CalledMethod, method: GrpcMethod, settings: CallSettings) {
    super(owner, called, method, settings)
    this.stream = new ReceivedStream({
      grant: (messages, bytes, granted) => {
        this.#window.credit(messages, bytes)
        granted()
        if (this.#window.isOpen) this.#surface?.resume()
      },
      abandon: () => this.giveUp(new ShmwireError(ErrorCode.ABORTED, 'the loop over the messages was left')),
    })
  }

  protected open({ client }: PooledConnection, request: GrpcRequest): SurfaceCall {
    const { path, metadata, options, bytes } = request
    const surface =
      bytes === undefined
        ? client.makeBidiStreamRequest(path, identity, identity, metadata, options)
        : client.makeServerStreamRequest(path, identity, identity, bytes, metadata, options)
    this.#surface = surface
    let failure: GrpcError | undefined
    surface.on('data', (message: Buffer) => this.#deliver(message))
    surface.on('error', (error: GrpcError) => {
      failure = error
    })
    surface.on('status', (status: StatusObject) => {
      this.#draining = !this.over
      this.finished(status, failure)
    })
    surface.on('end', () => this.stream.end(this.#error))
    return surface
  }

  protected failed(error: Error): void {
    this.#error = error
    if (this.#draining) return
    this.stream.end(error)
    // Nothing reads the rest.
    this.#surface?.resume()
  }

  #deliver(bytes: Buffer): void {
    if (this.over && !this.#draining) return
    let message: unknown
    try {
      message = this.decode(bytes)
    } catch (error) {
      this.giveUp(error as Error)
      this.stream.end(error as Error)
      return
    }
    this.#window.sent(bytes.length)
    this.stream.push(message, bytes.length, undefined)
    if (!this.#window.isOpen) this.#surface?.pause()
  }
}

/** The messages are encoded and decoded outside grpc-js, which would lose the errors. */
function identity(bytes: Buffer): Buffer {
  return bytes
}
