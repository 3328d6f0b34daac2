import { MessageCodec } from '../../../messaging/message-codec.js'
import { queueTerms } from '../../../messaging/queue/job-terms.js'
import {
  OPEN_QUEUE_OPTION_NAMES,
  QUEUE_OPTION_NAMES,
  WORK_OPTION_NAMES,
} from '../../../messaging/queue/option-names.js'
import type { OpenQueueOptions, QueueOptions, WorkOptions } from '../../../messaging/queue/types.js'
import { booleanOption, checkWaitOptions, integer, misuse } from '../../../options.js'
import type { EngineConnection } from '../connection.js'
import { assertEngineOptions } from '../engine-options.js'
import type { QueueDescription, QueueLimits } from './queue-streams.js'

const MIB = 1024 * 1024
const JOBS_MAX = 1_000_000_000
const BYTES_MAX = 2 ** 50
/** The least window that the server accepts, and a month. */
const DEDUP_MS_MIN = 100
const DEDUP_MS_MAX = 30 * 86_400_000
const CONCURRENCY_MAX = 10_000

export interface ResolvedQueue {
  readonly codec: MessageCodec
  readonly description: QueueDescription
  readonly limits: QueueLimits
}

/** Throws `INVALID_ARGUMENT`. `deadLetters`: the name of the queue of the engine. */
export function resolveQueueOptions(
  connection: EngineConnection,
  options: QueueOptions,
  deadLetters: string | undefined,
): ResolvedQueue {
  checkWaitOptions(options, QUEUE_OPTION_NAMES)
  assertEngineOptions(options)
  if (options.store !== undefined)
    throw misuse('store and engine exclude each other: the servers of the engine keep the jobs')
  if (options.maxIds !== undefined)
    throw misuse('maxIds does not apply with an engine: the servers know all ids of dedupWindowMs')
  const { maxJobs = 100_000, maxBytes = 256 * MIB, maxDead = 1_000, dedupWindowMs = 120_000 } = options
  const codec = queueCodec(connection, options)
  return {
    codec,
    description: {
      codec: codec.name,
      terms: queueTerms({
        attempts: options.attempts,
        backOff: options.backOff,
        timeLimitMs: options.timeLimitMs,
      }),
      dedupWindowMs: integer('dedupWindowMs', dedupWindowMs, DEDUP_MS_MIN, DEDUP_MS_MAX),
      maxBytes,
      deadLetters,
    },
    limits: {
      maxJobs: integer('maxJobs', maxJobs, 1, JOBS_MAX),
      maxBytes: integer('maxBytes', maxBytes, 1024, BYTES_MAX),
      maxDead: integer('maxDead', maxDead, 1, JOBS_MAX),
    },
  }
}

/** Throws `INVALID_ARGUMENT`. */
export function checkOpenOptions(options: OpenQueueOptions): void {
  checkWaitOptions(options, OPEN_QUEUE_OPTION_NAMES)
  assertEngineOptions(options)
  booleanOption('waitForServer', options.waitForServer)
}

/** Returns `concurrency`. Throws `INVALID_ARGUMENT`. */
export function checkWorkOptions(options: WorkOptions): number {
  checkWaitOptions(options, WORK_OPTION_NAMES)
  assertEngineOptions(options)
  booleanOption('waitForServer', options.waitForServer)
  return integer('concurrency', options.concurrency ?? 1, 1, CONCURRENCY_MAX)
}

export function queueCodec(connection: EngineConnection, { codec }: OpenQueueOptions): MessageCodec {
  return new MessageCodec(codec, connection.maxPayloadBytes, 'raise max_payload of the NATS server')
}
