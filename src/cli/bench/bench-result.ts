import type { Machine } from '../machine.js'
import type { Carrier } from './measure-carrier.js'

/** The result of `shmwire bench --json`. */
export interface BenchResult {
  readonly shmwire: string
  readonly machine: Machine
  readonly messageBytes: number
  /** Undefined if there is no shared memory. */
  readonly shm: Carrier | undefined
  /** Why there is no shared memory, as a sentence. */
  readonly fallbackReason: string | undefined
  readonly socket: Carrier
}
