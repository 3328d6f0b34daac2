import { parseAddress } from '../address.js'
import type { CodecName } from '../codec/codec.js'
import { runtimeDirectory } from '../control/runtime-directory.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { UsageError } from './command.js'

const CODECS: readonly string[] = ['msgpack', 'json', 'bytes', 'v8'] satisfies CodecName[]
const MS_PER_SECOND = 1000
const SECONDS_MAX = 86_400

/** The options of parseArgs that `send`, `tail` and `call` share. */
export const MESSAGE_OPTIONS = {
  codec: { type: 'string', default: 'msgpack' },
  text: { type: 'boolean', default: false },
  timeout: { type: 'string', default: '10' },
} as const

export const CODEC_HELP =
  '  --codec <name>         msgpack (default), json, bytes or v8: that of the other side'

export const MESSAGE_OPTIONS_HELP = `${CODEC_HELP}
  --timeout <seconds>    fail after so long without an answer (default 10)`

/** Throws UsageError unless it is the name of a codec. */
export function codecName(text: string): CodecName {
  if (CODECS.includes(text)) return text as CodecName
  throw new UsageError(`--codec ${text}: the codecs are ${CODECS.join(', ')}`)
}

/** In milliseconds. Throws UsageError. */
export function durationMs(option: string, text: string, secondsMax = SECONDS_MAX): number {
  const seconds = Number(text)
  if (text.trim() !== '' && seconds > 0 && seconds <= secondsMax) return Math.ceil(seconds * MS_PER_SECOND)
  throw new UsageError(
    `${option} ${text}: it must be a number of seconds, more than 0 and at most ${secondsMax}`,
  )
}

/** Throws UsageError unless it is an integer from 1 to `max`. */
export function positiveInteger(option: string, text: string, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
  throw new UsageError(`${option} ${text}: it must be an integer from 1 to ${max}`)
}

/**
 * Checks that a server of this user on this machine can have the address: the program has no options for certificates. Throws UsageError,
 * and the errors of `SHMWIRE_DIR`.
 */
export function localAddress(address: string | undefined): string {
  if (address === undefined) throw new UsageError('the address of the server is missing')
  if (/^(?:tcp|tls|stdio):/.test(address))
    throw new UsageError(
      `${address}: the program reaches servers of this machine only; use a name such as 'prices', or unix:/absolute/path.sock`,
    )
  // For a plain name. A wrong variable is not a wrong argument.
  if (process.platform !== 'win32' && !address.includes(':')) runtimeDirectory()
  asUsage(() => parseAddress(address))
  return address
}

/** The result of a check of an argument. Throws UsageError instead of `INVALID_ARGUMENT`. */
export function asUsage<T>(check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof ShmwireError) || error.code !== ErrorCode.INVALID_ARGUMENT) throw error
    throw new UsageError(error.message, { cause: error })
  }
}

/** Throws UsageError if there are more arguments than `max`. */
export function checkArgumentCount(args: readonly string[], max: number): void {
  if (args.length <= max) return
  if (max === 0) throw new UsageError(`the command takes no argument, not '${args[0]}'`)
  throw new UsageError(`the argument '${args[max]}' is one too many; quote a message with spaces`)
}
