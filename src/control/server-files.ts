/**
 * The files of a server whose control socket is P:
 *
 *   P                 the published socket, to which clients connect
 *   P.<generation>    a lease of the name: decimal, from 1
 *   P.<12 hex>~       a socket that will get another name
 *   P.fd              the handover socket, which receives descriptors
 */
import { randomBytes } from 'node:crypto'
import { lstatSync, readdirSync, unlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { ErrorCode, ShmwireError } from '../errors.js'
import { fileFault } from './file-fault.js'

/** As long as the other suffixes. At one lease each millisecond, the numbers last for 31 years. */
const GENERATION_DIGITS_MAX = 12
export const GENERATION_MAX = 10 ** GENERATION_DIGITS_MAX - 1
const RANDOM_BYTES = 6

const GENERATION = new RegExp(`^[1-9]\\d{0,${GENERATION_DIGITS_MAX - 1}}$`)
const TEMPORARY = new RegExp(`^[0-9a-f]{${2 * RANDOM_BYTES}}~$`)

export function leasePath(path: string, generation: number): string {
  return `${path}.${generation}`
}

export function newTemporaryPath(path: string): string {
  return `${path}.${randomBytes(RANDOM_BYTES).toString('hex')}~`
}

/** Where the server of the control socket `path` receives descriptors. */
export function handoverPath(path: string): string {
  return `${path}.fd`
}

export interface ServerFiles {
  /** Of the leases, in ascending order. */
  readonly generations: readonly number[]
  /** Absolute paths. */
  readonly temporaries: readonly string[]
}

/**
 * Lists the leases and temporaries of `path`. Throws `INVALID_ARGUMENT` if a lease is not a socket, because another program made
 * that file. `lstat` decides that, because `Dirent.isSocket` is always false in Deno.
 */
export function listServerFiles(path: string): ServerFiles {
  const prefix = `${basename(path)}.`
  const generations: number[] = []
  const temporaries: string[] = []
  for (const name of readdirSync(dirname(path))) {
    if (!name.startsWith(prefix)) continue
    const suffix = name.slice(prefix.length)
    const file = join(dirname(path), name)
    if (GENERATION.test(suffix)) {
      if (isSocketAt(file)) generations.push(Number(suffix))
    } else if (TEMPORARY.test(suffix) && lstatSync(file, { throwIfNoEntry: false })?.isSocket() === true) {
      temporaries.push(file)
    }
  }
  return { generations: generations.toSorted((a, b) => a - b), temporaries }
}

/**
 * The names of the published sockets in a directory: those with a lease beside them. A missing directory has none. The servers can be dead,
 * and the files can be of other types.
 */
export function listPublished(directory: string): string[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw fileFault(error, `the directory ${directory} cannot be listed`, 'check its owner and mode')
  }
  const all = new Set(names)
  const published = new Set<string>()
  for (const name of names) {
    const dot = name.lastIndexOf('.')
    if (dot > 0 && GENERATION.test(name.slice(dot + 1)) && all.has(name.slice(0, dot)))
      published.add(name.slice(0, dot))
  }
  return [...published]
}

/** Whether a socket is at `file`. Throws `INVALID_ARGUMENT` for any other file, because this package must not delete that. */
export function isSocketAt(file: string): boolean {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  if (stats === undefined) return false
  if (!stats.isSocket()) throw notASocket(file)
  return true
}

export function unlinkIfPresent(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

export type Liveness = 'alive' | 'dead' | 'gone'

/**
 * Connects to find out whether a process listens on the socket `file`. `'dead'` is final, because a closed socket cannot be opened
 * again under the same inode. The caller has checked that the file is a socket: other files also refuse with ECONNREFUSED.
 */
export function probe(file: string, guard: (socket: Socket) => void = () => {}): Promise<Liveness> {
  return new Promise((resolve, reject) => {
    const socket = connect(file)
    try {
      guard(socket)
    } catch {
      // A process listens and sent something that no shmwire server sends first. `guard` has shut the socket down.
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
        // A full queue of connections, or a live socket of another type.
        case 'EAGAIN':
        case 'EPROTOTYPE':
          return resolve('alive')
        // The process accepted the connection and closed it.
        case 'ECONNRESET':
        case 'EPIPE':
          return resolve('alive')
        default:
          return reject(fileFault(error, `${file} cannot be probed for a server`, 'check its owner and mode'))
      }
    })
  })
}

/** Connects to the live socket `file`, and holds the connection. `ended` resolves when its process closes it or ends, and after `end`. */
export function holdConnection(
  file: string,
  guard: (socket: Socket) => void,
): { readonly ended: Promise<void>; readonly end: () => void } {
  const socket = connect(file)
  const ended = new Promise<void>((resolve) => {
    socket.once('close', () => resolve())
  })
  // The `close` event follows.
  socket.on('error', () => {})
  // Without a reader, the end would not be noticed.
  socket.resume()
  try {
    guard(socket)
  } catch {
    // As in `probe`.
    socket.destroy()
  }
  return { ended, end: () => socket.destroy() }
}

function notASocket(file: string): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    `${file} exists and is not a socket; shmwire does not delete it: move it, or choose another address`,
  )
}
