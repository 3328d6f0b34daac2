import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { PeerCertificate } from 'node:tls'
import { CORRELATION_ID, newCorrelation, requestCorrelation } from '../../correlation.js'
import { ErrorCode, ShmwireError } from '../../errors.js'
import { clearTimeout, nowMs, setTimeout } from '../../host.js'
import { LightSignal } from '../../light-signal.js'
import type { Identity } from '../../peer.js'
import type { Metadata } from '../../service/call/metadata.js'
import type { GatewayClient } from '../authenticator.js'
import type { MetadataFilter } from '../name-patterns.js'
import { stopClient } from './answered-stream.js'
import { type CallStatus, encodeStatusMessage, statusOf, statusOfError } from './call-status.js'
import { ACCEPTED_ENCODINGS, acceptsGzip, COMPRESSED_BYTES_MIN, compress } from './compression.js'
import { timeoutOf } from './deadlines.js'
import { addMetadata, encodeBinary, metadataOfHeaders } from './http-headers.js'
import { writeMessage } from './message-encoder.js'
import { RequestMessages } from './request-messages.js'
import { STATUS_DETAILS } from './status-details.js'

/** The client of a call. */
export interface GatewayPeer {
  /** Its IP address and port. */
  readonly address: string
  readonly port: number
  /** The certificate of a client that TLS has verified. */
  readonly certificate: PeerCertificate | undefined
}

export interface CallSettings {
  readonly maxMessageBytes: number
  readonly compression: boolean
  readonly passes: MetadataFilter
  /** Whether a call without a correlation id gets one. */
  readonly correlates: () => boolean
}

/** One call of a client, on its stream of HTTP/2. */
export class ServerCall {
  /** `/package.Service/Method`. */
  readonly path: string
  readonly client: GatewayClient
  readonly requests: RequestMessages
  /** The client, as the gateway has found it. */
  identity: Identity | undefined
  /** The status that is sent; undefined while the call runs, and if the client has gone away before. */
  status: CallStatus | undefined
  /** Of a call that has failed. */
  failure: { readonly error: unknown } | undefined
  /** The trailers of the answer. */
  trailers: Metadata | undefined
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #settings: CallSettings
  readonly #compresses: boolean
  readonly #endMs: number
  readonly #signal = new LightSignal()
  #timer: NodeJS.Timeout | undefined
  #correlationId: string | undefined
  #headersSent = false
  /** The status is sent, or the stream has closed. */
  #ended = false
  #onRoom: (() => void) | undefined

  /** Throws the error of a call with wrong headers. */
  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    peer: GatewayPeer,
    settings: CallSettings,
    timeoutMsMax: number,
  ) {
    const timeoutMs = Math.min(timeoutMsMax, timeoutOf(headers['grpc-timeout'] as string | undefined))
    this.path = headers[':path'] as string
    this.client = { address: peer.address, certificate: peer.certificate, headers }
    this.#stream = stream
    this.#headers = headers
    this.#settings = settings
    this.#compresses =
      settings.compression && acceptsGzip(headers['grpc-accept-encoding'] as string | undefined)
    this.#endMs = nowMs() + timeoutMs
    const encoding = headers['grpc-encoding'] as string | undefined
    this.requests = new RequestMessages(stream, encoding, settings.maxMessageBytes, (error) =>
      this.fail(error),
    )
    stream.once('close', () => this.#closed())
    if (timeoutMs !== Number.POSITIVE_INFINITY)
      this.#timer = setTimeout(() => this.#late(), Math.ceil(timeoutMs))
  }

  /** Fires when the client cancels the call, its deadline passes, or the gateway ends it. For this package only; see LightSignal. */
  get signal(): AbortSignal {
    return this.#signal.asAbortSignal
  }

  /** The call needs no answer any longer. */
  get ended(): boolean {
    return this.#ended
  }

  /** In milliseconds; Infinity without a deadline. */
  get remainingMs(): number {
    return Math.max(0, this.#endMs - nowMs())
  }

  /** That of the client, or a new one. */
  get correlationId(): string {
    this.#correlationId ??= requestCorrelation(this.#headers) ?? newCorrelation()
    return this.#correlationId
  }

  /** The headers of the client that pass the gateway. */
  get metadata(): Metadata {
    const metadata = metadataOfHeaders(this.#headers, this.#settings.passes)
    const hasId = requestCorrelation(this.#headers) !== undefined || this.#settings.correlates()
    return hasId ? metadata.set(CORRELATION_ID, this.correlationId) : metadata
  }

  /** Sends the headers of the answer, once. */
  sendHeaders(metadata?: Metadata): void {
    if (this.#gone || this.#headersSent) return
    this.#headersSent = true
    const headers: OutgoingHttpHeaders = {
      ':status': 200,
      'content-type': 'application/grpc',
      'grpc-accept-encoding': ACCEPTED_ENCODINGS,
    }
    if (this.#compresses) headers['grpc-encoding'] = 'gzip'
    addMetadata(headers, metadata, this.#settings.passes)
    this.#stream.respond(headers, { waitForTrailers: true })
  }

  /** Sends a message. Returns a promise while the client does not read: send the next one after it. */
  send(message: Uint8Array): Promise<void> | undefined {
    this.sendHeaders()
    if (!this.#compresses || message.length < COMPRESSED_BYTES_MIN) return this.#write(message, false)
    return compress(message).then((bytes) =>
      bytes.length < message.length ? this.#write(bytes, true) : this.#write(message, false),
    )
  }

  /** Ends the call. The first end counts. */
  end(status: CallStatus): void {
    if (this.#gone) return
    this.#ended = true
    this.status = status
    this.#release()
    const stream = this.#stream
    const fields = this.#trailers(status)
    if (this.#headersSent) {
      stream.once('wantTrailers', () => {
        if (stream.closed) return
        stream.sendTrailers(fields)
        stopClient(stream)
      })
      stream.end()
    } else {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...fields }, { endStream: true })
      stream.once('finish', () => stopClient(stream))
    }
    this.requests.stop(undefined)
  }

  /** Ends the call with the status of an error, and what still runs for it. */
  fail(error: unknown): void {
    this.#abort(error, statusOfError(error))
  }

  /** The status is sent, or cannot be sent. */
  get #gone(): boolean {
    return this.#ended || this.#stream.closed || this.#stream.destroyed
  }

  #late(): void {
    const error = new ShmwireError(ErrorCode.TIMEOUT, 'the deadline of the call has passed')
    this.#abort(error, statusOf('DEADLINE_EXCEEDED', error.message))
  }

  #abort(reason: unknown, status: CallStatus): void {
    if (this.#ended) return
    this.failure = { error: reason }
    this.end(status)
    this.#signal.abort(reason)
  }

  #closed(): void {
    this.#wakeWriter()
    if (this.#ended) return
    this.#ended = true
    this.#release()
    const error = new ShmwireError(ErrorCode.ABORTED, 'the client has cancelled the call')
    this.failure = { error }
    this.requests.stop(error)
    this.#signal.abort(error)
  }

  #release(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #write(message: Uint8Array, compressed: boolean): Promise<void> | undefined {
    const stream = this.#stream
    // The call can have ended during the compression.
    if (this.#gone || writeMessage(stream, message, compressed)) return undefined
    return new Promise((resolve) => {
      this.#onRoom = resolve
      stream.once('drain', () => this.#wakeWriter())
    })
  }

  #wakeWriter(): void {
    this.#onRoom?.()
    this.#onRoom = undefined
  }

  #trailers({ code, message, details }: CallStatus): OutgoingHttpHeaders {
    const fields: OutgoingHttpHeaders = { 'grpc-status': String(code) }
    addMetadata(fields, this.trailers, this.#settings.passes)
    if (message !== '') fields['grpc-message'] = encodeStatusMessage(message)
    if (details !== undefined) fields[STATUS_DETAILS] = encodeBinary(details)
    return fields
  }
}
