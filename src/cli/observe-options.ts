/** The options of the commands that read from running processes. */
import { resolve } from 'node:path'
import { durationMs } from './message-options.js'

/** For `parseArgs`. */
export const OBSERVE_OPTIONS = {
  directory: { type: 'string' },
  timeout: { type: 'string' },
} as const

export const OBSERVE_HELP = `  --directory <path>     search the servers that listen at 'unix:' and a path in this directory;
                         default: the servers with plain names
  --timeout <seconds>    a server that does not answer within this time does not count; default: 2
`

const SECONDS_MAX = 60

export interface ObserveValues {
  readonly directory?: string | undefined
  readonly timeout?: string | undefined
}

/** Throws UsageError. */
export function discoveryOptions({ directory, timeout }: ObserveValues): {
  directory: string | undefined
  answerTimeoutMs: number | undefined
} {
  return {
    directory: directory === undefined ? undefined : resolve(directory),
    answerTimeoutMs: timeout === undefined ? undefined : durationMs('--timeout', timeout, SECONDS_MAX),
  }
}

/** The failure of a command that was asked for certain servers. */
export function unansweredText(count: number, asked: number): string {
  return `${count} of ${asked} servers did not answer`
}
