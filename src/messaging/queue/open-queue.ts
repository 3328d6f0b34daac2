import { waitWithin } from '../../deadline.js'
import { booleanOption, checkWaitOptions } from '../../options.js'
import { ClientConnection, type ClientTarget } from '../../service/client-connection.js'
import { checkEngineName } from '../engine-name.js'
import { serviceName } from '../service-name.js'
import { placeOf } from '../traced-messages.js'
import { OPEN_QUEUE_OPTION_NAMES } from './option-names.js'
import { queueCodec } from './queue-codec.js'
import { RemoteQueue } from './remote-queue.js'
import type { OpenQueueOptions, QueueClient } from './types.js'

/**
 * Connects to a queue, to push jobs. Resolves when there is a connection. The client connects again when the process of the queue comes back.
 *
 * @param target an address, as for `connect`; a channel; or a function that opens one. With `engine`, the name of a queue of the engine.
 * @throws `INVALID_ARGUMENT`, and the errors of `connect`
 */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export async function openQueue<Job = any, Result = any>(
  target: ClientTarget,
  options: OpenQueueOptions = {},
): Promise<QueueClient<Job, Result>> {
  const bounds = checkWaitOptions(options, OPEN_QUEUE_OPTION_NAMES)
  const { engine, ...rest } = options
  if (engine !== undefined) return engine.openQueue<Job, Result>(checkEngineName(target), rest)
  const { name, channel } = options
  const waits = booleanOption('waitForServer', options.waitForServer)
  const service = serviceName('queue', name)
  const codec = queueCodec(options.codec)
  const connection = new ClientConnection(target, channel)
  try {
    await waitWithin(bounds, 'the connection to the queue', (resolve, reject) => {
      connection.first(waits, bounds.signal).then(resolve, reject)
      return () => {}
    })
  } catch (error) {
    await connection.close(undefined)
    throw error
  }
  return new RemoteQueue<Job, Result>(placeOf(target, name), connection, service, codec)
}
