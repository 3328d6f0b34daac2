import { ErrorCode, ShmwireError } from '../../errors.js'
import type { MessageCodec } from '../message-codec.js'
import type { JobStore } from './job-store.js'

/** Opens the store of a queue. Loaded on demand, because most queues have none. */
export async function openStore(path: string, codec: MessageCodec): Promise<JobStore> {
  throw new ShmwireError(ErrorCode.UNAVAILABLE, `${path} ${codec.name}`)
}
