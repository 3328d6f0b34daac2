import { ErrorCode, ShmwireError } from '../errors.js'

/** The error of the library for what the file system said to a server. `what` happened, and what to do about it. */
export function fileFault(cause: unknown, what: string, cure: string): ShmwireError {
  const { code = 'no error code', message } = cause as NodeJS.ErrnoException
  return new ShmwireError(CODES.get(code) ?? ErrorCode.DENIED, `${what} (${message}); ${cure}`, { cause })
}

/** Anything else is a refusal of the system: EACCES, EPERM (a file system without hard links, too), EROFS, ELOOP, EIO. */
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
