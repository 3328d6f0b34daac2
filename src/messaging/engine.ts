import type { CellEngine } from './cell/types.js'
import type { QueueEngine } from './queue/types.js'
import type { TopicEngine } from './topic/types.js'

/**
 * Carries topics, cells and queues beyond this machine, with the same API: the option `engine` of `createQueue` and its siblings passes the
 * call on. The names of an engine are its own; they are not addresses.
 */
export interface Engine extends TopicEngine, CellEngine, QueueEngine, AsyncDisposable {
  /** Ends the connection. */
  close(): Promise<void>
}
