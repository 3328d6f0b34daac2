import type { Cell, CellOptions, CellWatch, WatchOptions } from './cell/types.js'
import type {
  JobHandler,
  OpenQueueOptions,
  Queue,
  QueueClient,
  QueueOptions,
  Worker,
  WorkOptions,
} from './queue/types.js'
import type { SubscribeOptions, Subscription, Topic, TopicOptions } from './topic/types.js'

/**
 * Carries topics, cells and queues beyond this machine, with the same API: the option `engine` of `createQueue` and its siblings passes the
 * call on. The names of an engine are its own; they are not addresses.
 */
export interface Engine extends AsyncDisposable {
  createTopic<Message>(name: string, options: TopicOptions): Promise<Topic<Message>>
  subscribe<Message>(name: string, options: SubscribeOptions): Promise<Subscription<Message>>
  createCell<Value>(name: string, initial: Value, options: CellOptions): Promise<Cell<Value>>
  watch<Value>(name: string, options: WatchOptions): Promise<CellWatch<Value>>
  createQueue<Job, Result>(name: string, options: QueueOptions): Promise<Queue<Job, Result>>
  openQueue<Job, Result>(name: string, options: OpenQueueOptions): Promise<QueueClient<Job, Result>>
  work<Job, Result>(
    name: string,
    handler: JobHandler<Job, Result>,
    options: WorkOptions,
  ): Promise<Worker<Job>>
  /** Ends the connection. */
  close(): Promise<void>
}
