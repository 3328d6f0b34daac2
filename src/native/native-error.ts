import { ErrorCode, ShmwireError } from '../errors.js'
import type { NativeError } from './binding.js'

const CODES: ReadonlySet<string> = new Set(Object.values(ErrorCode))

/** What the addon threw, as the error that the user gets. Anything without a code of ours is a defect and is thrown on. */
export function toShmwireError(thrown: unknown): ShmwireError {
  if (thrown instanceof ShmwireError) return thrown
  const error = thrown as NativeError
  if (!(error instanceof Error) || !CODES.has(error.code)) throw thrown
  return new ShmwireError(error.code as ErrorCode, error.message, { cause: error })
}
