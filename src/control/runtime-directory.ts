import { lstatSync, mkdirSync, type Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, isAbsolute, join, resolve } from 'node:path'
import { ErrorCode, ShmwireError } from '../errors.js'
import { invalid } from '../options.js'
import { fileFault } from './file-fault.js'
import { checkMayConnect } from './permission-model.js'
import { mayBeUnmapped } from './unmapped-ids.js'

const PRIVATE = 0o700
const WRITABLE_BY_OTHERS = 0o022

/**
 * The directory of the sockets of plain names: `SHMWIRE_DIR`, else `$XDG_RUNTIME_DIR/shmwire`, else `<tmp>/shmwire-<uid>`. Accesses no
 * file. Throws `INVALID_ARGUMENT` if `SHMWIRE_DIR`, or else `<tmp>`, is not absolute.
 */
export function runtimeDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const own = environment['SHMWIRE_DIR']
  if (own) {
    // Resolved, because lstat follows a symbolic link with a slash at its end.
    if (isAbsolute(own) && !own.includes('\0')) return resolve(own)
    throw invalid('the environment variable SHMWIRE_DIR', own, 'an absolute path')
  }
  const session = environment['XDG_RUNTIME_DIR']
  // The XDG base directory specification says to ignore a relative path.
  if (session && isAbsolute(session)) return join(session, 'shmwire')
  const temporary = tmpdir()
  // A relative path depends on the working directory of each process.
  if (!isAbsolute(temporary))
    throw invalid('the environment variable TMPDIR', temporary, 'an absolute path, unless SHMWIRE_DIR is set')
  return join(temporary, `shmwire-${process.geteuid?.() ?? 'user'}`)
}

/** For a server: creates the directory, if it is missing, and checks it. Throws `DENIED`, `OUT_OF_MEMORY`, `INVALID_ARGUMENT`. */
export function prepareRuntimeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: PRIVATE })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') {
      throw new ShmwireError(
        ErrorCode.INVALID_ARGUMENT,
        `the directory ${directory} for sockets cannot be created, because ${dirname(directory)} does not exist; create that, or set SHMWIRE_DIR`,
        { cause: error },
      )
    }
    // An existing directory can be in a directory without write permission, or on a read-only file system.
    if (code !== 'EEXIST' && !exists(directory)) {
      throw fileFault(
        error,
        `the directory ${directory} for sockets cannot be created`,
        'set SHMWIRE_DIR to another',
      )
    }
  }
  checkRuntimeDirectory(directory)
}

/** The part of a UnixAddress that is checked. */
interface ServerPlace {
  readonly path: string
  readonly directory: string | undefined
}

/** Throws `DENIED` if this process must not connect to the server at the address. */
export function checkServerPlace({ path, directory }: ServerPlace): void {
  checkMayConnect(path, directory)
  if (directory !== undefined) checkRuntimeDirectory(directory)
}

/**
 * Also for a client, because any process that may write to the directory can put its own socket under any name. Throws `DENIED` unless it
 * is a directory, not a symbolic link, owned by this user, and not writable by others. A missing directory is valid: then no server listens.
 */
export function checkRuntimeDirectory(directory: string): void {
  let stats: Stats | undefined
  try {
    // lstat, because any user can create a link in a shared directory such as /tmp.
    stats = lstatSync(directory, { throwIfNoEntry: false })
  } catch (error) {
    throw fileFault(
      error,
      `the directory ${directory} for sockets cannot be examined`,
      'set SHMWIRE_DIR to another',
    )
  }
  if (stats === undefined) return
  const uid = process.geteuid?.()
  if (!stats.isDirectory()) {
    throw denied(
      directory,
      `is a ${stats.isSymbolicLink() ? 'symbolic link' : 'file'}, not a directory`,
      'remove it',
    )
  }
  if (uid !== undefined && mayBeUnmapped('uid', stats.uid)) {
    throw new ShmwireError(
      ErrorCode.DENIED,
      `the owner of the directory ${directory} for sockets cannot be identified: the system reports user ${stats.uid}, as for every user that this user namespace does not map; run this process as a mapped user other than ${stats.uid} and set SHMWIRE_DIR to a directory of its own, or use an address unix:/path`,
    )
  }
  if (uid !== undefined && stats.uid !== uid) {
    throw denied(directory, `belongs to user ${stats.uid}, not to user ${uid}`, 'remove it')
  }
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0) {
    const mode = (stats.mode & 0o777).toString(8).padStart(4, '0')
    throw denied(directory, `has mode ${mode}, so that others may write to it`, `run: chmod 700 ${directory}`)
  }
}

function exists(directory: string): boolean {
  try {
    lstatSync(directory)
    return true
  } catch {
    return false
  }
}

function denied(directory: string, fault: string, remedy: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.DENIED,
    `the directory ${directory} for sockets ${fault}; ${remedy}, or set SHMWIRE_DIR to a directory of your own`,
  )
}
