/**
 * The files of a server whose control socket is P:
 *
 *   P                 the published socket, which clients connect to
 *   P.<generation>    a claim to the address: decimal, from 1
 *   P.<12 hex>~       a socket on its way to another name
 *   P.fd              the inbox for descriptors
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { ErrorCode, ShmwireError } from '../errors.js'
import { fileFault } from './file-fault.js'

/** So many digits are as long as the other endings; with one more claim each millisecond they last for 31 years. */
const GENERATION_DIGITS_MAX = 12
export const GENERATION_MAX = 10 ** GENERATION_DIGITS_MAX - 1
const RANDOM_BYTES = 6

const GENERATION = new RegExp(`^[1-9]\\d{0,${GENERATION_DIGITS_MAX - 1}}$`)
const TEMPORARY = new RegExp(`^[0-9a-f]{${2 * RANDOM_BYTES}}~$`)

export function claimPath(path: string, generation: number): string {
  return `${path}.${generation}`
}

export function newTemporaryPath(path: string): string {
  return `${path}.${randomBytes(RANDOM_BYTES).toString('hex')}~`
}

/** Where the server of the control socket `path` takes descriptors. */
export function inboxPath(path: string): string {
  return `${path}.fd`
}

export interface ServerFiles {
  /** Ascending. */
  readonly generations: readonly number[]
  /** Whole paths. */
  readonly temporaries: readonly string[]
}

/**
 * Lists the claims and temporaries of `path`. Throws `INVALID_ARGUMENT` for a claim that is not a socket: it is another
 * program's file. `lstat` decides that, because `Dirent.isSocket` is always false in Deno.
 */
export function listServerFiles(path: string): ServerFiles {
  const prefix = `${basename(path)}.`
  const generations: number[] = []
  const temporaries: string[] = []
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const ending = name.slice(prefix.length)
    const file = join(dirname(path), name)
    if (GENERATION.test(ending)) {
      if (isSocketAt(file)) generations.push(Number(ending))
    } else if (TEMPORARY.test(ending) && lstatSync(file, { throwIfNoEntry: false })?.isSocket() === true) {
      temporaries.push(file)
    }
  }
  return { generations: generations.toSorted((a, b) => a - b), temporaries }
}

/** Whether there is a socket at `file`. `INVALID_ARGUMENT` when there is anything else, which is nobody's to delete. */
export function isSocketAt(file: string): boolean {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (!stats.isSocket()) throw notASocket(file)
  return true
}

/** Unlinks `file`; that it is not there is fine. */
export function unlinkIfPresent(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

export type Life = 'alive' | 'dead' | 'gone'

/**
 * Whether somebody listens on the socket `file`, found out by connecting. `'dead'` is for ever: a socket that is
 * closed cannot be opened again under the same inode. The caller knows that it is a socket; connecting
 * to any other file is ECONNREFUSED too.
 */
export function probe(file: string, guard: (socket: Socket) => void = () => {}): Promise<Life> {
  return new Promise((resolve, reject) => {
    const socket = connect(file)
    try {
      guard(socket)
    } catch {
      // Somebody is there, and sends what no server of ours sends first. The socket has hung up.
      socket.on('error', () => {})
      socket.destroy()
      resolve('alive')
      return
    }
    socket.once('connect', () => {
      socket.destroy()
      resolve('alive')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => {
      switch (error.code) {
        case 'ECONNREFUSED':
          return resolve('dead')
        case 'ENOENT':
          return resolve('gone')
        // Its queue of connections is full; or it is a live socket of another type.
        case 'EAGAIN':
        case 'EPROTOTYPE':
          return resolve('alive')
        // It has accepted and hung up.
        case 'ECONNRESET':
        case 'EPIPE':
          return resolve('alive')
        default:
          return reject(fileFault(error, `${file} cannot be probed for a server`, 'check its owner and mode'))
      }
    })
  })
}

function notASocket(file: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `${file} exists and is not a socket; shmwire does not delete it: move it, or choose another address`,
  )
}
