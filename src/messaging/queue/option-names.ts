/** The options of the functions for queues, which an engine takes too. */
import type { OpenQueueOptions, QueueOptions, WorkOptions } from './types.js'

export const QUEUE_OPTION_NAMES: readonly string[] = [
  'name',
  'policy',
  'identify',
  'channel',
  'codec',
  'store',
  'attempts',
  'backOff',
  'timeLimitMs',
  'maxJobs',
  'maxBytes',
  'dedupWindowMs',
  'maxIds',
  'deadLetters',
  'maxDead',
  'engine',
  'signal',
  'timeoutMs',
] satisfies (keyof QueueOptions)[]

export const OPEN_QUEUE_OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'engine',
  'channel',
  'waitForServer',
  'signal',
  'timeoutMs',
] satisfies (keyof OpenQueueOptions)[]

export const WORK_OPTION_NAMES: readonly string[] = [
  'name',
  'codec',
  'engine',
  'channel',
  'concurrency',
  'replyQueues',
  'waitForServer',
  'signal',
  'timeoutMs',
] satisfies (keyof WorkOptions)[]
