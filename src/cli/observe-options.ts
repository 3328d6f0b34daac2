/** The options of the commands that read from running processes. */
import { resolve } from 'node:path'
import { ShmwireError } from '../errors.js'
import { CommandError, UsageError } from './command.js'

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
const MS = 1_000

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
    answerTimeoutMs:
      timeout === undefined ? undefined : Math.ceil(seconds('--timeout', timeout, SECONDS_MAX) * MS),
  }
}

/** A number of seconds above 0. Throws UsageError. */
export function seconds(name: string, text: string, max: number): number {
  const value = Number(text)
  if (text.trim() !== '' && value > 0 && value <= max) return value
  throw new UsageError(`${name} ${text} is not a number of seconds above 0, at most ${max}`)
}

/** Runs a step of a command. An error of shmwire becomes its message, with the code. */
export async function explained<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step()
  } catch (error) {
    if (!(error instanceof ShmwireError)) throw error
    throw new CommandError(`${error.message} (${error.code})`, { cause: error })
  }
}
