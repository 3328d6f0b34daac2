import type { MessageType } from '../../schema/message-type.js'
import type { CallKind } from '../contract/contract.js'

/** A method as its callers see it. */
export interface CalledMethod {
  /** `service/method`. */
  readonly name: string
  readonly nameBytes: Buffer
  /** Undefined without a contract. */
  readonly kind: CallKind | undefined
  readonly idempotent: boolean
  /** The type of the service's messages. Undefined without a contract. */
  readonly output?: MessageType | undefined
  /** The form of the messages in both directions, if it is not the codec of the channel. */
  readonly binary?: MessageType['binary'] | undefined
}
