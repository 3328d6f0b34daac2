import type { MessageType } from '../../schema/message-type.js'
import type { Identify } from '../auth/identity.js'
import type { CallKind } from '../contract/contract.js'
import type { CallContext } from './call-context.js'
import type { ExposeErrors } from './call-failure.js'
import type { MethodRecorder } from './method-stats.js'

/** A handler with its receiver: a method of the object that was passed to `serve`. */
export type CallHandler = (request: unknown, context: CallContext) => unknown

/** A method that a service answers. */
export interface ServedMethod {
  readonly service: string
  readonly name: string
  /** Undefined without a contract: the handler decides by what it returns. */
  readonly kind: CallKind | undefined
  readonly input: MessageType | undefined
  readonly output: MessageType | undefined
  /** Messages of the caller are checked before the handler; with interceptors, they are checked after these. */
  readonly checksInput: boolean
  /** Messages of the handler are checked. */
  readonly checksOutput: boolean
  readonly handler: CallHandler
  readonly recorder: MethodRecorder
  readonly exposeErrors: ExposeErrors
  /** The default identifies processes of the same user, and certificates. */
  readonly identify: Identify | undefined
}

/** The messages of a caller that streams, each checked when the handler takes it. */
export async function* parseEach(
  messages: AsyncIterable<unknown>,
  parse: (message: unknown) => unknown,
): AsyncGenerator {
  for await (const message of messages) yield await parse(message)
}
