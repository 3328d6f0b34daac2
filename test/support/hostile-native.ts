import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const ADDON = `${ROOT}build/hostile/hostile.node`

/** SOCK_… of Linux. */
export const SocketType = { STREAM: 1, DATAGRAM: 2, SEQUENTIAL: 5 } as const

/** F_SEAL_… of fcntl(2). */
export const Seals = { SEAL: 1, SHRINK: 2, GROW: 4, WRITE: 8, FUTURE_WRITE: 16 } as const

/** The seals that the protocol requires of a segment. */
export const SEALS = Seals.SEAL | Seals.SHRINK | Seals.GROW | Seals.FUTURE_WRITE

/** native/test/hostile/hostile.cc. Descriptors are the caller's to close; what returns an error number has 0 for success. */
export interface HostileNative {
  /** Reserves as many bytes from `reservedFrom` on, which may be beyond the end; none at −1. */
  memory(bytes: number, reservedFrom: number, sealable: boolean): number
  map(descriptor: number, bytes: number, writable: boolean): ArrayBuffer
  seal(descriptor: number, seals: number): number
  /** FALLOC_FL_PUNCH_HOLE. An error number. */
  punch(descriptor: number, offset: number, bytes: number): number
  /** MADV_REMOVE. An error number. */
  remove(pages: Uint8Array): number
  pair(type: number): [number, number]
  /** Through `socket`, or to the datagram socket at `path` unless it is empty. An error number. */
  send(socket: number, path: string, payload: Uint8Array, descriptors: readonly number[]): number
  receive(socket: number): { payload: Buffer; descriptors: number[] } | undefined
  bindHandoverSocket(path: string): number
  /** Returns the number of bytes that the socket took. */
  ring(socket: number, count: number): number
  setBlocking(descriptor: number, blocking: boolean): void
  /** A thread that stores the values in `word` (4 or 8 bytes), one after the other, without end. */
  cycle(word: Uint8Array, values: BigUint64Array, pauseNanos: number): void
  /** A thread that fills the ring of `own` with empty messages as fast as `peer` reads them. */
  flood(own: Uint8Array, peer: Uint8Array, ringBytes: number): void
  /**
   * A file of a file system that this process serves, over the file at `path`: a descriptor, which `stop` closes, or a negative error number where none
   * can be mounted. It answers no request, so stat, read and close block until `stop`.
   */
  fuse(path: string): number
  /** A TCP socket whose last close waits for `seconds` (SO_LINGER, unsent data), and its other end: to close that ends the wait. */
  lingering(seconds: number): [number, number]
  /** Ends all threads, and file systems. Returns the number of messages that `flood` published. */
  stop(): number
}

/** Why the hostile peer is not available on this machine, and its remedy; undefined if it is available. */
export function whyNotHostile(): string | undefined {
  if (process.platform !== 'linux') return 'the hostile peer is written for Linux'
  if (existsSync(ADDON) && process.env['SHMWIRE_TEST_BUILT'] === '1') return undefined
  const compilers = [process.env['CXX'], 'c++', 'g++', 'clang++'].filter((name) => name !== undefined)
  const found = compilers.some(
    (name) => spawnSync(name.split(/\s+/)[0] as string, ['--version']).status === 0,
  )
  return found ? undefined : 'apt-get install g++'
}

let loaded: HostileNative | undefined

/** Builds and loads the native half. */
export function hostileNative(): HostileNative {
  loaded ??= load()
  return loaded
}

function load(): HostileNative {
  if (process.env['SHMWIRE_TEST_BUILT'] !== '1') {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['scripts/build-addon.mjs', '--hostile', '--quiet'],
      { cwd: ROOT, encoding: 'utf8' },
    )
    if (status !== 0) throw new Error(`the hostile peer does not build:\n${stdout}${stderr}`)
  }
  return createRequire(import.meta.url)(ADDON) as HostileNative
}
