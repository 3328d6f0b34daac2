import type { BackOff } from '../../keep-connected.js'
import { integer, invalid, misuse, unknownOption } from '../../options.js'
import type { JobTerms } from './job.js'
import type { JobOptions } from './types.js'

export const ATTEMPTS_MAX = 1_000
export const BACK_OFF_MS_MAX = 3_600_000
/** A day. */
export const TIME_LIMIT_MS_MAX = 86_400_000
/** 30 days. */
export const DELAY_MS_MAX = 30 * 86_400_000

const DEFAULTS: JobTerms = {
  attempts: 5,
  backOffMinMs: 100,
  backOffMaxMs: 30_000,
  timeLimitMs: 60_000,
}

/** The terms of one job, which only its push states. 0: that of the queue. */
export interface GivenTerms extends JobTerms {
  readonly delayMs: number
}

/** Terms that are 0 are those of the queue. */
export function resolveTerms(given: JobTerms, defaults: JobTerms): JobTerms {
  return {
    attempts: given.attempts || defaults.attempts,
    backOffMinMs: given.backOffMinMs || defaults.backOffMinMs,
    backOffMaxMs: given.backOffMaxMs || Math.max(defaults.backOffMaxMs, given.backOffMinMs),
    timeLimitMs: given.timeLimitMs || defaults.timeLimitMs,
  }
}

/** The terms of all jobs of a queue. Throws `INVALID_ARGUMENT`. */
export function queueTerms(options: JobOptions): JobTerms {
  const given = givenTerms({ ...options, delayMs: 0 })
  const minMs = given.backOffMinMs || DEFAULTS.backOffMinMs
  return {
    attempts: given.attempts || DEFAULTS.attempts,
    backOffMinMs: minMs,
    backOffMaxMs: given.backOffMaxMs || Math.max(DEFAULTS.backOffMaxMs, minMs),
    timeLimitMs: given.timeLimitMs || DEFAULTS.timeLimitMs,
  }
}

/** The options of one push. Throws `INVALID_ARGUMENT`. */
export function givenTerms(options: JobOptions & { readonly delayMs?: number | undefined }): GivenTerms {
  const { attempts, timeLimitMs, delayMs = 0 } = options
  return {
    attempts: attempts === undefined ? 0 : integer('attempts', attempts, 1, ATTEMPTS_MAX),
    ...backOffBounds(options.backOff),
    timeLimitMs: timeLimitMs === undefined ? 0 : integer('timeLimitMs', timeLimitMs, 1, TIME_LIMIT_MS_MAX),
    delayMs: integer('delayMs', delayMs, 0, DELAY_MS_MAX),
  }
}

function backOffBounds(backOff: BackOff | undefined): Pick<JobTerms, 'backOffMinMs' | 'backOffMaxMs'> {
  if (backOff === undefined) return { backOffMinMs: 0, backOffMaxMs: 0 }
  if (typeof backOff !== 'object' || backOff === null) throw invalid('backOff', backOff, 'an object')
  for (const name of Object.keys(backOff))
    if (name !== 'minMs' && name !== 'maxMs')
      throw unknownOption(`backOff.${name}`, ['backOff.minMs', 'backOff.maxMs'])
  const { minMs, maxMs } = backOff
  const backOffMinMs = minMs === undefined ? 0 : integer('backOff.minMs', minMs, 1, BACK_OFF_MS_MAX)
  const backOffMaxMs = maxMs === undefined ? 0 : integer('backOff.maxMs', maxMs, 1, BACK_OFF_MS_MAX)
  if (minMs !== undefined && maxMs !== undefined && maxMs < minMs)
    throw misuse(`backOff.maxMs is ${maxMs}; it must be at least backOff.minMs: ${minMs}`)
  return { backOffMinMs, backOffMaxMs }
}
