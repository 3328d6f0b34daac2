import type { Logger } from '../../options.js'
import type { MessageCodec } from '../message-codec.js'
import type { JobStore } from './job-store.js'

/** Opens the store of a queue. Loaded on demand, because most queues have none. */
export async function openStore(
  path: string,
  codec: MessageCodec,
  logger: Logger | undefined,
): Promise<JobStore> {
  const { SqliteStore } = await import('../../engine/sqlite/sqlite-store.js')
  return new SqliteStore(path, { codec: codec.name, logger })
}
