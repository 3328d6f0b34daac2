import { ErrorCode, ShmwireError } from '../errors.js'

const MISREAD: ReadonlySet<ErrorCode> = new Set([ErrorCode.CORRUPT, ErrorCode.VERSION])

/** Over stdio, the usual reason for foreign bytes is a program that prints to its standard output. */
export function withPrintHint(error: unknown): ShmwireError {
  if (!(error instanceof ShmwireError) || !MISREAD.has(error.code)) return error as ShmwireError
  const hint = 'the standard output carries the channel, so the program must print to standard error'
  return new ShmwireError(error.code, `${error.message}; ${hint}`, { cause: error })
}
