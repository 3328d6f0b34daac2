import type { Channel } from '../channel/channel.js'
import type { CallSettings } from './call/begin-call.js'
import type { AnyOutcome } from './call/call-outcomes.js'
import type { CalledMethod } from './call/called-method.js'
import type { CallBounds } from './call/outgoing-call.js'
import type { CallStream } from './contract/contract-types.js'

/** A call whose answer can be a stream, which some calls create on demand. */
export interface Streaming {
  readonly stream: CallStream<unknown>
}

/** Makes single attempts of calls over a connection that is open. An attempt that cannot begin fails like one that does. */
export interface CallCarrier {
  /** An attempt with one message as its answer. */
  single(
    method: CalledMethod,
    request: unknown,
    settings: CallSettings,
    resolve: (message: unknown) => void,
    reject: (error: Error) => void,
  ): void
  /** An attempt with a stream of messages as its answer, which also gets the error. */
  stream(method: CalledMethod, request: unknown, settings: CallSettings): Streaming
  /** An attempt without a contract. `outcome` gets one message, or the news that `stream` of the returned object has the messages. */
  any(method: CalledMethod, request: unknown, settings: CallSettings, outcome: AnyOutcome): Streaming
}

/** The connection of a client, which can be absent for a time. */
export interface CallerConnection {
  /** Undefined while there is no server. */
  readonly calls: CallCarrier | undefined
  /** Resolves when there is a server. Rejects with `TIMEOUT`, `ABORTED`, or the reason why none follows. */
  ready(bounds: CallBounds): Promise<CallCarrier>
  /** The error of a call that finds no server. */
  absence(): Error
  /** As the program has passed it; undefined: it has passed a channel. */
  readonly address: string | undefined
  /** The open channel; undefined: there is none now, or the connection has none. */
  readonly channel: Channel | undefined
}
