import { writeSync, writevSync } from 'node:fs'

/** The kernel has no room at present. libuv also counts ENOBUFS as that. */
const NO_ROOM: ReadonlySet<string | undefined> = new Set(['EAGAIN', 'ENOBUFS'])

/** Writes to a descriptor that does not block. Returns the number of bytes that the kernel has taken, or the error of a broken connection. */
export function writeNow(descriptor: number, bytes: Uint8Array): number | Error {
  try {
    return writeSync(descriptor, bytes)
  } catch (error) {
    return withoutRoom(error as NodeJS.ErrnoException)
  }
}

/** Like `writeNow`, for two parts in one system call. */
export function writeBothNow(descriptor: number, first: Uint8Array, second: Uint8Array): number | Error {
  try {
    return writevSync(descriptor, [first, second])
  } catch (error) {
    return withoutRoom(error as NodeJS.ErrnoException)
  }
}

function withoutRoom(error: NodeJS.ErrnoException): number | Error {
  return NO_ROOM.has(error.code) ? 0 : error
}
