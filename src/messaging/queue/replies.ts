import { ErrorCode, ShmwireError } from '../../errors.js'
import { invalid, show } from '../../options.js'
import { CORRELATION_ID } from './push-options.js'
import type { JobContext, QueueClient } from './types.js'

/** The header with the name of the queue that gets the reply. */
const REPLY_TO = 'reply-to'

/** The job of a reply. */
export interface RepliedJob extends Pick<JobContext, 'id' | 'headers'> {
  /** Other than that of every other job, also of other queues. */
  readonly uniqueId: string
  /** False: `headers` is empty, and need not be decoded. */
  readonly hasHeaders: boolean
}

/** Pushes what a handler returns to the queue that its job names. A job names one of these queues; it cannot make a worker connect. */
export class Replies {
  readonly #queues: ReadonlyMap<string, QueueClient> | undefined

  /** Throws `INVALID_ARGUMENT`. */
  constructor(queues: Readonly<Record<string, QueueClient>> | undefined) {
    if (queues === undefined) return
    if (typeof queues !== 'object' || queues === null)
      throw invalid('replyQueues', queues, 'an object with a queue for each name')
    const entries = Object.entries(queues)
    for (const [name, queue] of entries)
      if (typeof queue?.push !== 'function') throw invalid(`replyQueues[${show(name)}]`, queue, 'a queue')
    this.#queues = new Map(entries)
  }

  /** Undefined: the job has no reply queue. Resolves when the queue has the reply. Rejects if it is not known, or with the error of the push. */
  send(job: RepliedJob, result: unknown): Promise<unknown> | undefined {
    if (this.#queues === undefined || !job.hasHeaders) return undefined
    const { [REPLY_TO]: name, [CORRELATION_ID]: correlation = job.id } = job.headers
    if (name === undefined) return undefined
    const queue = this.#queues.get(name)
    if (queue === undefined) return Promise.reject(unknownQueue(name))
    const headers = { [CORRELATION_ID]: correlation }
    // A job that runs again replies again, and the other queue drops the second reply within its dedup window.
    return queue.push(result, { headers, id: `reply:${job.uniqueId}` })
  }
}

function unknownQueue(name: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `the job names the reply queue ${show(name)}, which is not one of replyQueues of this worker`,
  )
}
