import type { QueueStats } from '../../../messaging/queue/types.js'
import type { EngineConnection } from '../connection.js'
import { ApiCode, apiCodeOf, faultOf } from '../faults.js'
import { retrying } from '../retrying.js'
import { CONSUMER, whatOf } from './queue-streams.js'

/** The state of a queue, as the servers report it. The sums begin when the streams were created. */
export async function statsOf(connection: EngineConnection, name: string): Promise<QueueStats> {
  const { manager, settings } = connection
  const { names } = settings
  const state = async (part: 'queue' | 'later' | 'dead') => {
    const info = await retrying(() => manager.streams.info(names.stream(part, name)))
    return info.state
  }
  try {
    const [jobs, later, dead, consumer] = await Promise.all([
      state('queue'),
      state('later'),
      state('dead'),
      consumerOf(connection, names.stream('queue', name)),
    ])
    const leased = consumer?.num_ack_pending ?? 0
    return {
      waiting: jobs.messages - leased,
      delayed: later.messages,
      leased,
      dead: dead.messages,
      bytes: jobs.bytes + later.bytes,
      workers: consumer?.num_waiting ?? 0,
      pushed: jobs.last_seq + later.messages,
      completed: Math.max(0, jobs.last_seq - jobs.messages - dead.last_seq),
      failed: dead.last_seq,
      redelivered: consumer?.num_redelivered ?? 0,
    }
  } catch (error) {
    throw faultOf(error, whatOf(name))
  }
}

/** Undefined: no worker has ever connected. */
async function consumerOf({ manager }: EngineConnection, stream: string) {
  try {
    return await retrying(() => manager.consumers.info(stream, CONSUMER))
  } catch (error) {
    if (apiCodeOf(error) === ApiCode.CONSUMER_NOT_FOUND) return undefined
    throw error
  }
}
