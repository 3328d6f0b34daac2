import { Replies as ReplyQueues } from '../../../messaging/queue/replies.js'
import type {
  JobHandler,
  OpenQueueOptions,
  Queue,
  QueueClient,
  QueueOptions,
  Worker,
  WorkOptions,
} from '../../../messaging/queue/types.js'
import { invalid } from '../../../options.js'
import type { EngineConnection } from '../connection.js'
import { within } from '../within.js'
import { DelayedJobs } from './delayed-jobs.js'
import { JetQueue } from './jet-queue.js'
import { JetWorker } from './jet-worker.js'
import { checkOpenOptions, checkWorkOptions, queueCodec, resolveQueueOptions } from './queue-options.js'
import { createQueueStreams, openQueueStreams, whatOf } from './queue-streams.js'
import type { Replies } from './replies.js'

/** Creates the streams of a queue, or uses those that exist with the new options. */
export function createJetQueue<Job, Result>(
  connection: EngineConnection,
  replies: Replies,
  name: string,
  options: QueueOptions,
  deadLetters: string | undefined,
): Promise<Queue<Job, Result>> {
  const { codec, description, limits } = resolveQueueOptions(connection, options, deadLetters)
  return within(options, `creating ${whatOf(name)}`, async () => {
    await createQueueStreams(connection, name, description, limits)
    const delayed = new DelayedJobs(connection, name, description)
    await delayed.start()
    return new JetQueue<Job, Result>({ connection, name, description, codec, replies, delayed })
  })
}

export function openJetQueue<Job, Result>(
  connection: EngineConnection,
  replies: Replies,
  name: string,
  options: OpenQueueOptions,
): Promise<QueueClient<Job, Result>> {
  checkOpenOptions(options)
  const codec = queueCodec(connection, options)
  return within(options, `opening ${whatOf(name)}`, async () => {
    const description = await openQueueStreams(connection, name, options)
    return new JetQueue<Job, Result>({ connection, name, description, codec, replies, delayed: undefined })
  })
}

export function workJetQueue<Job, Result>(
  connection: EngineConnection,
  name: string,
  handler: JobHandler<Job, Result>,
  options: WorkOptions,
): Promise<Worker<Job>> {
  if (typeof handler !== 'function') throw invalid('handler', handler, 'a function')
  const concurrency = checkWorkOptions(options)
  const queues = new ReplyQueues(options.replyQueues)
  const codec = queueCodec(connection, options)
  return within(options, `working on ${whatOf(name)}`, async () => {
    const description = await openQueueStreams(connection, name, options)
    codec.assertSame(description.codec, whatOf(name))
    const parts = { connection, name, description, codec, concurrency, replies: queues }
    const worker = new JetWorker<Job, Result>(parts, handler)
    await worker.start()
    return worker
  })
}
