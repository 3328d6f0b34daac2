/** The payloads of the diagnostics channels, for programs that subscribe to them. See docs/diagnostics.md. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Channel } from '../channel/channel.js'
import type { LogFields } from '../log/logger.js'
import type { CallContext } from '../service/call/call-context.js'
import type { Metadata } from '../service/call/metadata.js'
import type { CallKind } from '../service/contract/contract.js'
import type { TracedPayload } from './diagnostics-trace.js'

/** A message of a channel that was sent or has arrived. */
export interface MessagePayload {
  readonly channel: Channel
  /** The message itself. Undefined: that of a claim, whose memory is sent already. With `views`, it is valid during the event only. */
  readonly message: unknown
  /** The length of the encoded message. */
  readonly byteLength: number
}

/** A new channel does not use shared memory. */
export interface FallbackPayload {
  readonly channel: Channel
  /** As a sentence: `channel.fallbackReason`. */
  readonly reason: string
}

/** The peer of a channel has ended without closing it. */
export interface PeerGonePayload {
  readonly channel: Channel
  /** `PEER_GONE`. */
  readonly error: Error
}

/** An error of work that no operation begins, such as the renewal of a token. */
export interface BackgroundErrorPayload {
  /** That of the line in the log: see docs/logs.md. */
  readonly event: string
  readonly error: unknown
  /** The fields of the line. */
  readonly fields: LogFields
}

/** A connection that this process begins, or that its server accepts. */
export interface ConnectPayload extends TracedPayload {
  /** The address that the program has passed, or that of the server. Undefined: the program has passed a stream or a socket. */
  readonly address: string | undefined
  /** From 1: a connector or a client makes further ones until it has a channel. Undefined: the other side connects. */
  readonly attempt?: number | undefined
  /** Undefined until the end, after a failure, and for a client that only asks for the description of a server. */
  channel: Channel | undefined
}

/** A call that this process makes. */
export interface ClientCallPayload extends TracedPayload {
  readonly service: string
  readonly method: string
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
  /** The headers of the call. A subscriber of `start` can add some, such as `traceparent`. Those of the program can be secret. */
  readonly metadata: Metadata
  /** The address of the server. Undefined: the client uses a channel of the program. */
  readonly address: string | undefined
  /** Undefined: there is no server now, or the client speaks gRPC. */
  readonly channel: Channel | undefined
}

/** A call that this process answers. */
export interface ServiceCallPayload extends TracedPayload {
  readonly service: string
  readonly method: string
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
  /** The headers of the caller. They can be secret. */
  readonly metadata: Metadata
  /** The context of the handler: it has the channel, the peer and the deadline. */
  readonly context: CallContext
  /** The length of the encoded message of the caller. Undefined: the caller sends a stream. */
  readonly requestBytes: number | undefined
}

/** A message that this process publishes. */
export interface PublishPayload extends TracedPayload {
  /** The address of the topic, or its name in an engine. Undefined: the program has passed a channel. */
  readonly address: string | undefined
  /** The option `name`; the empty name is the default. */
  readonly topic: string
  readonly key: string | undefined
  /** A subscriber of `start` can add some, such as `traceparent`. */
  readonly headers: Record<string, string>
  /** The length of the encoded message. Undefined at the start. */
  byteLength: number | undefined
  /** False at the end: `tryPublish` found no room. */
  published: boolean
}

/** A message that a subscription delivers. */
export interface DeliveryPayload extends TracedPayload {
  /** The address of the topic, or its name in an engine. Undefined: the program has passed a channel. */
  readonly address: string | undefined
  /** The option `name`; the empty name is the default. */
  readonly topic: string
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly epoch: string
  readonly sequence: number
  /** The length of the encoded message. */
  readonly byteLength: number
  /** `'listener'`: the listeners of `message` run within the event. `'loop'`: a loop gets the message after it. */
  readonly consumer: 'listener' | 'loop'
}

/** A job that this process pushes. */
export interface PushPayload extends TracedPayload {
  /** The address of the queue, or its name in an engine. Undefined: the program has passed a channel. */
  readonly address: string | undefined
  /** The option `name`; the empty name is the default. */
  readonly queue: string
  /** Undefined until the end, unless the program has chosen it. */
  id: string | undefined
  readonly key: string | undefined
  /** A subscriber of `start` can add some, such as `traceparent`. */
  readonly headers: Record<string, string>
  /** The length of the encoded job. Undefined at the start. */
  byteLength: number | undefined
  /** The program waits for the result of the job: `request`. */
  readonly waitsForResult: boolean
  /** At the end of `push`: the queue had a job with this id already. */
  duplicate: boolean
}

/** A job whose handler this process runs. */
export interface TakePayload extends TracedPayload {
  /** The address of the queue, or its name in an engine. Undefined: the program has passed a channel. */
  readonly address: string | undefined
  /** The option `name`; the empty name is the default. */
  readonly queue: string
  readonly id: string
  /** From 1. */
  readonly attempt: number
  readonly attempts: number
  readonly key: string | undefined
  readonly headers: Readonly<Record<string, string>>
  /** The length of the encoded job. */
  readonly byteLength: number
}

/** A request that a gateway of this process answers. */
export interface GatewayRequestPayload extends TracedPayload {
  readonly gateway: 'rest' | 'grpc'
  /** The method of HTTP, such as `GET`. */
  readonly httpMethod: string
  readonly scheme: 'http' | 'https'
  /** The path of the request, without its query. */
  readonly path: string
  /** The headers of the request. They can be secret. */
  readonly headers: IncomingHttpHeaders
  /** That of the headers, or a new one. The calls of the gateway have it as `x-correlation-id`. */
  readonly correlationId: string
  /** The IP address of the client. */
  readonly clientAddress: string | undefined
  /** Undefined: the path is not that of a method. */
  service: string | undefined
  method: string | undefined
  /** The template of the path, such as `/users/{id}`. Undefined: the path is not that of a method, or the gateway speaks gRPC. */
  route: string | undefined
  /** The status code of HTTP. Undefined until the end, and if the client has gone away before the answer. */
  statusCode: number | undefined
  /** The status code of gRPC at its end: 0 for success. Undefined for REST, and if the client has gone away. */
  grpcStatus: number | undefined
}

/** The payloads by the name of the channel. Those of an operation have five events: see `diagnostics_channel.tracingChannel`. */
export interface DiagnosticsPayloads {
  'shmwire:channel.send': MessagePayload
  'shmwire:channel.receive': MessagePayload
  'shmwire:channel.fallback': FallbackPayload
  'shmwire:channel.peerGone': PeerGonePayload
  'shmwire:background.error': BackgroundErrorPayload
  'shmwire:connect': ConnectPayload
  'shmwire:accept': ConnectPayload
  'shmwire:client.call': ClientCallPayload
  'shmwire:client.stream': ClientCallPayload
  'shmwire:service.call': ServiceCallPayload
  'shmwire:service.stream': ServiceCallPayload
  'shmwire:topic.publish': PublishPayload
  'shmwire:topic.receive': DeliveryPayload
  'shmwire:queue.push': PushPayload
  'shmwire:queue.take': TakePayload
  'shmwire:gateway.request': GatewayRequestPayload
}
