import type { Socket } from 'node:net'
import type { NativeBinding, NativeEndpoint } from '../../native/binding.js'
import type { WaitMode } from '../../options.js'
import type { LinkStats } from '../link.js'
import type { SpinBudget } from './spin-budget.js'

/** The objects that the parts of a shared-memory link share. */
export interface LinkContext {
  readonly binding: NativeBinding
  readonly endpoint: NativeEndpoint
  /** Reports the death of the peer. */
  readonly socket: Socket
  readonly ringBytes: number
  readonly wait: WaitMode
  readonly stats: LinkStats
  readonly budget: SpinBudget
  /** The peer broke the protocol, or there is no memory for its message. */
  readonly onError: (error: unknown) => void
}
