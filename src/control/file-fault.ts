import { ErrorCode, ShmwireError } from '../errors.js'

/** The error that the user gets for an error of the file system: `what` failed, and the remedy. */
export function fileFault(cause: unknown, what: string, remedy: string): ShmwireError {
  const { code = 'no error code', message } = cause as NodeJS.ErrnoException
  return new ShmwireError(CODES.get(code) ?? ErrorCode.DENIED, `${what} (${message}); ${remedy}`, { cause })
}

/** Any other error is a refusal: EACCES, EPERM (also of a file system without hard links), EROFS, ELOOP, EIO. */
const CODES: ReadonlyMap<string, ErrorCode> = new Map([
  ['ENOSPC', ErrorCode.OUT_OF_MEMORY],
  ['EDQUOT', ErrorCode.OUT_OF_MEMORY],
  ['ENOMEM', ErrorCode.OUT_OF_MEMORY],
  ['ENOBUFS', ErrorCode.OUT_OF_MEMORY],
  ['EMFILE', ErrorCode.OUT_OF_MEMORY],
  ['ENFILE', ErrorCode.OUT_OF_MEMORY],
  ['EMLINK', ErrorCode.OUT_OF_MEMORY],
  ['ENOENT', ErrorCode.INVALID_ARGUMENT],
  ['ENOTDIR', ErrorCode.INVALID_ARGUMENT],
  ['ENAMETOOLONG', ErrorCode.INVALID_ARGUMENT],
  ['EINVAL', ErrorCode.INVALID_ARGUMENT],
])
