import { dirname, join } from 'node:path'
import { ErrorCode, ShmwireError } from '../errors.js'
import { newTemporaryPath } from './server-files.js'

interface Grant {
  readonly flag: string
  readonly missing: boolean
}

/**
 * Throws `DENIED` if Node's permission model does not let this process listen at the control socket `path`. It checks everything before
 * the first step, because each step would fail with another error, and the server could not remove the files that it has made.
 */
export function checkMayListen(path: string): void {
  const { permission } = process
  // Undefined unless Node was started with --permission.
  if (permission === undefined) return
  const directory = dirname(path)
  // The names of the server's other files begin with `path`.
  const files = [path, newTemporaryPath(path)]
  const lacks = (scope: string, file: string): boolean => !permission.has(scope, file)
  refuseWithout(`listen at ${path}`, [
    {
      flag: `--allow-fs-read=${directory}/*`,
      missing: [directory, ...files].some((file) => lacks('fs.read', file)),
    },
    { flag: `--allow-fs-write=${directory}/*`, missing: files.some((file) => lacks('fs.write', file)) },
    networkGrant(permission),
  ])
}

/** The same for a client. It reads only the runtime `directory`, which is undefined for an explicit path. */
export function checkMayConnect(path: string, directory: string | undefined): void {
  const { permission } = process
  if (permission === undefined) return
  refuseWithout(`connect to ${path}`, [
    {
      flag: `--allow-fs-read=${directory}/*`,
      missing: directory !== undefined && !permission.has('fs.read', directory),
    },
    networkGrant(permission),
  ])
}

/** The same for a connection that uses no file. */
export function checkMayUseNetwork(what: string): void {
  const { permission } = process
  if (permission !== undefined) refuseWithout(what, [networkGrant(permission)])
}

/** The same for a list of the servers in `directory`. */
export function checkMayDiscover(directory: string): void {
  const { permission } = process
  if (permission === undefined) return
  // The names of all sockets begin with the path of the directory.
  const files = [directory, join(directory, 'any.sock')]
  refuseWithout(`list the servers in ${directory}`, [
    {
      flag: `--allow-fs-read=${directory}/*`,
      missing: files.some((file) => !permission.has('fs.read', file)),
    },
    networkGrant(permission),
  ])
}

/** Versions of Node without this flag do not restrict sockets. */
function networkGrant(permission: NonNullable<typeof process.permission>): Grant {
  const flag = '--allow-net'
  return { flag, missing: process.allowedNodeEnvironmentFlags.has(flag) && !permission.has('net') }
}

function refuseWithout(what: string, grants: readonly Grant[]): void {
  const flags = grants.filter(({ missing }) => missing).map(({ flag }) => flag)
  if (flags.length === 0) return
  throw new ShmwireError(
    ErrorCode.DENIED,
    `Node's permission model does not let this process ${what}; start node with ${flags.join(' ')}`,
  )
}
