import { waitWithin } from '../../deadline.js'
import { booleanOption, checkWaitOptions, integer, invalid } from '../../options.js'
import { ClientConnection, type ClientTarget } from '../../service/client-connection.js'
import { ServiceCalls } from '../../service/service-calls.js'
import { checkEngineName } from '../engine-name.js'
import { serviceName } from '../service-name.js'
import { placeOf } from '../traced-messages.js'
import { WORK_OPTION_NAMES } from './option-names.js'
import { calledAs } from './protocol.js'
import { queueCodec } from './queue-codec.js'
import { QueueWorker } from './queue-worker.js'
import { Replies } from './replies.js'
import type { JobHandler, Worker, WorkOptions } from './types.js'
import { CONCURRENCY_MAX } from './work-head.js'

/**
 * Runs the jobs of a queue in this process, until the worker is closed. Resolves when the queue has accepted the worker.
 *
 * @param target an address, as for `connect`; a channel; or a function that opens one. With `engine`, the name of a queue of the engine.
 * @param handler `(job, context)`; the job is done when what it returns has resolved, and runs again if it throws
 * @throws `INVALID_ARGUMENT`, and the errors of `connect`
 */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export async function work<Job = any, Result = any>(
  target: ClientTarget,
  handler: JobHandler<Job, Result>,
  options: WorkOptions = {},
): Promise<Worker<Job>> {
  const bounds = checkWaitOptions(options, WORK_OPTION_NAMES)
  if (typeof handler !== 'function') throw invalid('handler', handler, 'a function')
  const { engine, ...rest } = options
  if (engine !== undefined) return engine.work<Job, Result>(checkEngineName(target), handler, rest)
  const { name, concurrency = 1, channel } = options
  const waits = booleanOption('waitForServer', options.waitForServer)
  const codec = queueCodec(options.codec)
  integer('concurrency', concurrency, 1, CONCURRENCY_MAX)
  const service = serviceName('queue', name)
  const replies = new Replies(options.replyQueues)
  const connection = new ClientConnection(target, channel)
  const calls = new ServiceCalls(connection, service, {
    timeoutMs: Number.POSITIVE_INFINITY,
    retries: 0,
  })
  const converse = calls.function('work', calledAs('work'))
  const worker = new QueueWorker<Job, Result>(
    {
      place: placeOf(target, name),
      connection,
      work: (frames) => converse(frames) as AsyncIterable<unknown>,
      codec,
      concurrency,
      replies,
    },
    handler,
  )
  try {
    await waitWithin(bounds, 'the connection to the queue', (resolve, reject) => {
      connection
        .first(waits, bounds.signal)
        .then(() => worker.begin(waits))
        .then(resolve, reject)
      return () => {}
    })
  } catch (error) {
    await worker.close({ timeoutMs: 0 }).catch(() => {})
    throw error
  }
  return worker
}
