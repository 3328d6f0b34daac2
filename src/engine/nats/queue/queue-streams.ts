import { ErrorCode, ShmwireError } from '../../../errors.js'
import { sleep } from '../../../host.js'
import type { JobTerms } from '../../../messaging/queue/job.js'
import type { OpenQueueOptions } from '../../../messaging/queue/types.js'
import type { EngineConnection } from '../connection.js'
import { faultOf } from '../faults.js'
import type { Names } from '../names.js'
import { retrying } from '../retrying.js'
import { ensureStream, findStream, nanosOf, type StreamInfo } from '../streams.js'

/** The facts that every program of a queue needs. Stored in the description of its stream, because metadata needs nats-server 2.10. */
export interface QueueDescription {
  readonly codec: string
  readonly terms: JobTerms
  readonly dedupWindowMs: number
  readonly maxBytes: number
  /** The name of the queue that dead jobs go to; undefined: they stay. */
  readonly deadLetters: string | undefined
}

export interface QueueLimits {
  readonly maxJobs: number
  readonly maxBytes: number
  readonly maxDead: number
}

const DESCRIPTION_VERSION = 1
/** Between two searches for a queue that does not exist yet. */
const WAIT_MS = 200
/** The durable consumer of each stream, which all workers share. */
export const CONSUMER = 'workers'
/** Requests of all workers that wait at the server; the default of the server is 512. */
const WAITING_REQUESTS_MAX = 100_000

export type QueueStreamPart = 'queue' | 'later'

/** Creates or changes the three streams of a queue: its jobs, its delayed jobs, and its dead jobs. */
export async function createQueueStreams(
  connection: EngineConnection,
  name: string,
  description: QueueDescription,
  limits: QueueLimits,
): Promise<void> {
  const { names } = connection.settings
  const what = whatOf(name)
  const current = await findStream(connection, names.stream('queue', name), what)
  if (current !== undefined) assertSameCodec(readDescription(current, what), description, what)
  const bounded = {
    retention: 'workqueue' as const,
    discard: 'new' as const,
    max_msgs: limits.maxJobs,
    max_bytes: limits.maxBytes,
    duplicate_window: nanosOf(description.dedupWindowMs),
  }
  const text = JSON.stringify({ shmwire: DESCRIPTION_VERSION, ...description })
  const stream = (part: 'queue' | 'later' | 'dead', subject: string, more: object): Promise<StreamInfo> =>
    ensureStream(
      connection,
      { name: names.stream(part, name), subjects: [names.subject('queue', name, subject)], ...more },
      what,
    )
  await stream('dead', 'dead', { retention: 'limits', discard: 'old', max_msgs: limits.maxDead })
  await stream('later', 'later', bounded)
  // Last, because a program that finds this stream uses the others.
  await stream('queue', 'job', { ...bounded, description: text })
}

/** Rejects with `NOT_LISTENING` if there is no such queue, unless it waits for it. */
export async function openQueueStreams(
  connection: EngineConnection,
  name: string,
  { waitForServer = false, signal }: Pick<OpenQueueOptions, 'waitForServer' | 'signal'>,
): Promise<QueueDescription> {
  const what = whatOf(name)
  const canWait = (): boolean => waitForServer && signal?.aborted !== true && !connection.nats.isClosed()
  const find = (): Promise<StreamInfo | undefined> =>
    findStream(connection, connection.settings.names.stream('queue', name), what)
  let found = await find()
  while (found === undefined && canWait()) {
    await sleep(WAIT_MS)
    found = await find()
  }
  if (found === undefined)
    throw new ShmwireError(
      ErrorCode.NOT_LISTENING,
      `there is no queue ${JSON.stringify(name)}; create it with createQueue`,
    )
  return readDescription(found, what)
}

/** Creates the durable consumer of a stream, or finds that it exists. */
export async function ensureWorkers(
  connection: EngineConnection,
  names: Names,
  part: QueueStreamPart,
  name: string,
): Promise<string> {
  const { manager, settings } = connection
  try {
    await retrying(() =>
      manager.consumers.add(names.stream(part, name), {
        durable_name: CONSUMER,
        ack_policy: 'explicit',
        ack_wait: nanosOf(settings.leaseMs),
        // The engine counts attempts itself: the server would keep the message and only send an advisory.
        max_deliver: -1,
        // Jobs that wait for their next attempt count too. The stream bounds them.
        max_ack_pending: -1,
        max_waiting: WAITING_REQUESTS_MAX,
      }),
    )
  } catch (error) {
    throw faultOf(error, whatOf(name))
  }
  return CONSUMER
}

export function whatOf(name: string): string {
  return `the queue ${JSON.stringify(name)}`
}

function assertSameCodec(current: QueueDescription, next: QueueDescription, what: string): void {
  if (current.codec === next.codec) return
  throw new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `${what} uses the codec ${JSON.stringify(current.codec)}, and this side ${JSON.stringify(next.codec)}; pass the same option codec on both sides`,
  )
}

/** The description is input: any program with the permission can change it. */
function readDescription({ config }: StreamInfo, what: string): QueueDescription {
  const fail = (): ShmwireError =>
    new ShmwireError(
      ErrorCode.CORRUPT,
      `${what}: the stream ${config.name} was not created by createQueue; choose another prefix`,
    )
  let value: Record<string, unknown> | null
  try {
    value = JSON.parse(config.description ?? '')
  } catch {
    throw fail()
  }
  if (value?.['shmwire'] !== DESCRIPTION_VERSION) throw fail()
  const { codec, dedupWindowMs, maxBytes, deadLetters } = value
  const terms = (value['terms'] ?? {}) as Partial<JobTerms>
  const { attempts, backOffMinMs, backOffMaxMs, timeLimitMs } = terms
  const isText = (text: unknown): text is string => typeof text === 'string'
  const isCount = (count: unknown): count is number => Number.isSafeInteger(count) && (count as number) > 0
  if (
    !isText(codec) ||
    !isCount(dedupWindowMs) ||
    !isCount(maxBytes) ||
    (deadLetters !== undefined && !isText(deadLetters))
  )
    throw fail()
  if (!isCount(attempts) || !isCount(backOffMinMs) || !isCount(backOffMaxMs) || !isCount(timeLimitMs))
    throw fail()
  return {
    codec,
    dedupWindowMs,
    maxBytes,
    deadLetters,
    terms: { attempts, backOffMinMs, backOffMaxMs, timeLimitMs },
  }
}
