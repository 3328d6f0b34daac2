import type { Channel } from '../../channel/channel.js'
import { correlationOf } from '../../correlation.js'
import { SqliteStore } from '../../engine/sqlite/sqlite-store.js'
import { Server } from '../../listen.js'
import { log } from '../../log/log.js'
import { checkWaitOptions, integer, invalid } from '../../options.js'
import type { Contract } from '../../service/contract/contract.js'
import type { Handlers } from '../../service/contract/contract-types.js'
import { serve } from '../../service/serve.js'
import { checkEngineName } from '../engine-name.js'
import { decodeHeaders, NO_HEADERS } from '../headers.js'
import type { MessageCodec } from '../message-codec.js'
import { serviceName } from '../service-name.js'
import { copyOf } from './dead-copy.js'
import type { Job as QueuedJob } from './job.js'
import type { JobStore } from './job-store.js'
import type { TableBounds } from './job-table.js'
import { queueTerms } from './job-terms.js'
import { LocalQueue } from './local-queue.js'
import { QUEUE_OPTION_NAMES } from './option-names.js'
import { queueContract } from './protocol.js'
import { queueCodec } from './queue-codec.js'
import { QueueCore } from './queue-core.js'
import { QueueService } from './queue-service.js'
import type { Queue, QueueClient, QueueOptions } from './types.js'

const JOBS_MAX = 10_000_000
const BYTES_MAX = 64 * 1024 ** 3
const DAY_MS = 86_400_000

/**
 * Creates a queue, whose jobs this process holds. Resolves when programs can push and work.
 *
 * @param target an address, as for `listen`; or a server or a channel, which can have several services. With `engine`, a name of the engine.
 * @throws `INVALID_ARGUMENT`, the errors of `listen` for an address, and those of the store
 */
// biome-ignore lint/suspicious/noExplicitAny: the programs agree on the types of jobs
export async function createQueue<Job = any, Result = any>(
  target: string | Server | Channel,
  options: QueueOptions = {},
): Promise<Queue<Job, Result>> {
  checkWaitOptions(options, QUEUE_OPTION_NAMES)
  const { engine, ...rest } = options
  if (engine !== undefined) return engine.createQueue<Job, Result>(checkEngineName(target), rest)
  const { store: path } = options
  if (path !== undefined && (typeof path !== 'string' || path === ''))
    throw invalid('store', path, 'the path of a file')
  const codec = queueCodec(options.codec)
  const store =
    path === undefined
      ? undefined
      : new SqliteStore(path, { codec: codec.name, logger: options.channel?.logger })
  return createQueueWith(target, options, codec, store)
}

/** A queue with this store, which it closes, also if it rejects. */
export async function createQueueWith<Job, Result>(
  target: string | Server | Channel,
  options: QueueOptions,
  codec: MessageCodec,
  store: JobStore | undefined,
): Promise<Queue<Job, Result>> {
  try {
    return await create<Job, Result>(target, options, codec, store)
  } catch (error) {
    await store?.close()
    throw error
  }
}

async function create<Job, Result>(
  target: string | Server | Channel,
  options: QueueOptions,
  codec: MessageCodec,
  store: JobStore | undefined,
): Promise<Queue<Job, Result>> {
  const { name, deadLetters, policy, identify, channel, signal, timeoutMs } = options
  const fullName = serviceName('queue', name)
  const terms = queueTerms(options)
  const bounds = boundsOf(options)
  if (deadLetters !== undefined && typeof deadLetters?.push !== 'function')
    throw invalid('deadLetters', deadLetters, 'a queue, from createQueue or openQueue')
  const copyDead = deadLetters === undefined ? undefined : copying(deadLetters, codec)
  const stored = await store?.load()
  const logger = channel?.logger
  const core = new QueueCore({
    bounds,
    store,
    stored,
    copyDead,
    log: (event, error, job) =>
      log(logger, event, () => ({
        queue: name ?? '',
        address: typeof target === 'string' ? target : undefined,
        jobId: job?.id,
        correlationId: job === undefined ? undefined : correlationOf(decodeHeaders(job.headerBytes)),
        error,
      })),
  })
  const service = new QueueService(core, codec, terms)
  const running = await serve<Contract>(target, service.handlers() as Handlers<Contract>, {
    contract: queueContract(fullName),
    validateOutput: false,
    policy,
    identify,
    channel,
    signal,
    timeoutMs,
  })
  core.start()
  const address = running.server?.address ?? (target instanceof Server ? target.address : '')
  return new LocalQueue<Job, Result>({
    core,
    service,
    running,
    codec,
    terms,
    store,
    storePath: options.store,
    address,
    name: name ?? '',
  })
}

function boundsOf(options: QueueOptions): TableBounds {
  const {
    maxJobs = 100_000,
    maxBytes = 256 * 1024 * 1024,
    maxDead = 1_000,
    dedupWindowMs = 120_000,
    maxIds = 1_000_000,
  } = options
  return {
    maxJobs: integer('maxJobs', maxJobs, 1, JOBS_MAX),
    maxBytes: integer('maxBytes', maxBytes, 1, BYTES_MAX),
    maxDead: integer('maxDead', maxDead, 0, JOBS_MAX),
    dedupWindowMs: integer('dedupWindowMs', dedupWindowMs, 0, DAY_MS),
    maxIds: integer('maxIds', maxIds, 1, JOBS_MAX),
  }
}

/** Copies a dead job to the other queue, which can have another codec. */
function copying(deadLetters: QueueClient, codec: MessageCodec): (job: QueuedJob) => Promise<unknown> {
  const idOf = copyOf()
  return (job) => {
    const value = codec.decode(Buffer.from(job.body))
    const headers = decodeHeaders(job.headerBytes) ?? NO_HEADERS
    return deadLetters.push(value, idOf(job, headers))
  }
}
