import { ErrorCode, ShmwireError } from '../../errors.js'
import { textOfThrown } from '../../uncaught.js'

/** The primary result codes of SQLite (sqlite.org/rescode.html) with an answer of their own. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'ERROR'],
  [3, 'PERM'],
  [5, 'BUSY'],
  [6, 'LOCKED'],
  [7, 'NOMEM'],
  [8, 'READONLY'],
  [10, 'IOERR'],
  [11, 'CORRUPT'],
  [13, 'FULL'],
  [14, 'CANTOPEN'],
  [18, 'TOOBIG'],
  [19, 'CONSTRAINT'],
  [20, 'MISMATCH'],
  [23, 'AUTH'],
  [26, 'NOTADB'],
])

/** An extended result code has the primary one in its lowest byte. */
const PRIMARY_MASK = 0xff

interface Answer {
  readonly code: ErrorCode
  readonly what: string
  readonly remedy: string
}

const IN_USE: Answer = {
  code: ErrorCode.NAME_IN_USE,
  what: 'is in use',
  remedy: 'close the queue or the program that has it open, or choose another file',
}

const DAMAGED: Answer = {
  code: ErrorCode.CORRUPT,
  what: 'is damaged',
  remedy: 'restore it from a copy, or move it away',
}

const ANSWERS: ReadonlyMap<string, Answer> = new Map([
  ['BUSY', IN_USE],
  ['LOCKED', IN_USE],
  ['NOMEM', { code: ErrorCode.OUT_OF_MEMORY, what: 'needs more memory', remedy: 'free some memory' }],
  [
    'FULL',
    {
      code: ErrorCode.OUT_OF_MEMORY,
      what: 'has no room on its disk',
      remedy: 'free some space, then create the queue again',
    },
  ],
  ['CORRUPT', DAMAGED],
  // Tables, columns or rows are missing, or not as this code has written them.
  ['ERROR', DAMAGED],
  ['CONSTRAINT', DAMAGED],
  ['MISMATCH', DAMAGED],
  [
    'TOOBIG',
    { code: ErrorCode.MESSAGE_TOO_LARGE, what: 'has no room for so long a job', remedy: 'use shorter jobs' },
  ],
  [
    'NOTADB',
    {
      code: ErrorCode.INVALID_ARGUMENT,
      what: 'is not a store of a queue',
      remedy: 'choose another file; it was not changed',
    },
  ],
])

const REFUSED: Answer = {
  code: ErrorCode.DENIED,
  what: 'cannot be read or written',
  remedy: 'check the folder, its rights and its disk',
}

/** The error that the user gets for an error of SQLite. Errors of shmwire pass unchanged. */
export function sqliteFault(cause: unknown, path: string): ShmwireError {
  if (cause instanceof ShmwireError) return cause
  const { code, what, remedy } = ANSWERS.get(nameOf(cause)) ?? REFUSED
  return new ShmwireError(code, `the store ${path} ${what} (${textOfThrown(cause)}); ${remedy}`, { cause })
}

/** The store's own checks found content that this code did not write. */
export function damaged(path: string, reason: string): ShmwireError {
  const { code, what, remedy } = DAMAGED
  return new ShmwireError(code, `the store ${path} ${what} (${reason}); ${remedy}`)
}

/** The file has other content. */
export function notStore(path: string, reason: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `the store ${path} is not a store of a queue (${reason}); choose another file; it was not changed`,
  )
}

/** node:sqlite has the number, better-sqlite3 the name, such as `SQLITE_IOERR_FSYNC`. */
function nameOf(cause: unknown): string {
  const { code, errcode } = cause as { code?: unknown; errcode?: unknown }
  if (typeof errcode === 'number') return NAMES.get(errcode & PRIMARY_MASK) ?? ''
  return typeof code === 'string' ? (code.split('_')[1] ?? '') : ''
}
