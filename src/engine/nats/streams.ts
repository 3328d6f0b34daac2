import { ErrorCode, ShmwireError } from '../../errors.js'
import type { EngineConnection, JetStreamManager } from './connection.js'
import { ApiCode, apiCodeOf, faultOf } from './faults.js'
import { retrying } from './retrying.js'

export type StreamInfo = Awaited<ReturnType<JetStreamManager['streams']['info']>>
export type StreamConfig = Parameters<JetStreamManager['streams']['add']>[0]

const NANOS_PER_MS = 1_000_000

export function nanosOf(ms: number): number {
  return Math.round(ms * NANOS_PER_MS)
}

/** The info of a stream; undefined if there is none. Rejects with the faults of the server. */
export async function findStream(
  { manager }: EngineConnection,
  stream: string,
  what: string,
): Promise<StreamInfo | undefined> {
  try {
    return await retrying(() => manager.streams.info(stream))
  } catch (error) {
    if (apiCodeOf(error) === ApiCode.STREAM_NOT_FOUND) return undefined
    throw faultOf(error, what)
  }
}

/** Creates the stream, or changes one that exists. `update` lists the members that may differ. */
export async function ensureStream(
  connection: EngineConnection,
  config: StreamConfig,
  what: string,
): Promise<StreamInfo> {
  const { manager, settings } = connection
  const whole = { num_replicas: settings.replicas, storage: settings.storage, ...config }
  const found = await findStream(connection, config.name, what)
  try {
    if (found === undefined) return await retrying(() => addOnce(connection, whole))
    if (found.config.retention !== (whole.retention ?? 'limits'))
      throw new ShmwireError(
        ErrorCode.INVALID_STATE,
        `${what}: the stream ${config.name} exists with the retention ${found.config.retention}; choose another prefix`,
      )
    if (isEqual(found, whole)) return found
    const { storage: _fixed, ...changes } = whole
    return await retrying(() => manager.streams.update(config.name, changes))
  } catch (error) {
    throw faultOf(error, what)
  }
}

/** Another process can create the same stream at the same time. */
async function addOnce({ manager }: EngineConnection, config: StreamConfig): Promise<StreamInfo> {
  try {
    return await manager.streams.add(config)
  } catch (error) {
    if (apiCodeOf(error) !== ApiCode.STREAM_NAME_IN_USE) throw error
    return manager.streams.info(config.name)
  }
}

function isEqual(found: StreamInfo, config: StreamConfig): boolean {
  const current = found.config as unknown as Record<string, unknown>
  return Object.entries(config).every(
    ([name, value]) => name === 'storage' || JSON.stringify(current[name]) === JSON.stringify(value),
  )
}
