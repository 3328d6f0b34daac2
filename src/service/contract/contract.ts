import type { MessageType } from '../../schema/message-type.js'
import type { HttpBinding } from './http-binding.js'

/** The four kinds of calls: one message or a stream of messages, in each direction. */
export type CallKind = 'unary' | 'serverStream' | 'clientStream' | 'bidi'

/** A method of a contract, for `serve` and `client`. */
export interface Method<
  Kind extends CallKind = CallKind,
  Input extends MessageType = MessageType,
  Output extends MessageType = MessageType,
> {
  readonly kind: Kind
  readonly input: Input
  readonly output: Output
  /** The call changes nothing. */
  readonly safe: boolean
  /** The call may be repeated: a second one has no further effect. */
  readonly idempotent: boolean
  /** The routes of the method in a REST gateway. */
  readonly http: readonly HttpBinding[]
  /** For people; its first sentence is a summary. It is not a part of the hash. */
  readonly description?: string | undefined
  /** Callers should use another method. It is not a part of the hash. */
  readonly deprecated?: boolean | undefined
}

/** The methods of a service, with the types of their messages. */
export interface Contract<
  Methods extends Readonly<Record<string, Method>> = Readonly<Record<string, Method>>,
> {
  /** For example `user.UserService`. */
  readonly name: string
  /** Has no prototype, so that every name of a peer can be a key. */
  readonly methods: Methods
  /** Equal contracts have equal hashes: 16 hexadecimal digits. */
  readonly hash: string
}
