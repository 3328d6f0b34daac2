import { randomBytes } from 'node:crypto'
import { HEADERS_BYTES_MAX, HEADERS_MAX } from '../headers.js'
import type { MessageHeaders } from '../types.js'
import type { Job } from './job.js'
import type { PushOptions } from './types.js'

const EPOCH_BYTES = 12
const REASON_CHARACTERS_MAX = 256
/** Of the three headers of a copy. */
const OWN_HEADERS = 3
const OWN_BYTES = 2 * 1024

/** Returns the options for the push of a copy of a dead job: its key and headers, and headers with its id, attempts and reason. */
export function copyOf(): (job: Job, headers: MessageHeaders) => PushOptions {
  // An attempt to copy that is repeated has the same id, so that the other queue can drop the second copy. The id of the job would not do:
  // another job can have it, after the dedup window of this queue.
  const epoch = randomBytes(EPOCH_BYTES).toString('base64url')
  return (job, headers) => {
    const id = `dead:${epoch}:${job.sequence}`
    const hasRoom =
      Object.keys(headers).length + OWN_HEADERS <= HEADERS_MAX &&
      job.headersBytes + OWN_BYTES <= HEADERS_BYTES_MAX
    const own = {
      'x-dead-id': job.id,
      'x-dead-attempts': String(job.attempt),
      'x-dead-reason': (job.death?.reason ?? '')
        .slice(0, REASON_CHARACTERS_MAX)
        .replace(/[\p{Cc}\p{Cs}]/gu, ' '),
    }
    return { id, key: job.key, headers: hasRoom ? { ...headers, ...own } : headers }
  }
}
