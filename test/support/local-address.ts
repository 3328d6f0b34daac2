import { join } from 'node:path'

const isWindows = process.platform === 'win32'

/** A path of a socket for node:net: a file in the directory, or on Windows a pipe, which is in no directory. */
export function socketPath(directory: string, name = 's'): string {
  return isWindows ? `\\\\.\\pipe\\${nameIn(directory, name)}` : join(directory, name)
}

/** An address for `listen` and `connect`: a socket in the directory, or on Windows a plain name. */
export function localAddress(directory: string, name = 's'): string {
  return isWindows ? nameIn(directory, name) : `unix:${directory}/${name}`
}

/** Different for each directory. */
function nameIn(directory: string, name: string): string {
  return `${directory.replaceAll(/[^A-Za-z0-9]/g, '').slice(-40)}-${name}`
}

/** `channel.transport` without shared memory. */
export const SOCKET_TRANSPORT = isWindows ? 'pipe' : 'unix'
