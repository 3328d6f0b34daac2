import { ErrorCode, ShmwireError } from '../errors.js'
import { sleep } from '../host.js'
import type { NativeLoad } from '../native/load-binding.js'
import { toShmwireError } from '../native/native-error.js'
import { assumedOwnUser } from '../peer.js'
import type { IdentifiedPeer } from './identity.js'

/** A server whose instances are all in use makes new ones in a few milliseconds. */
const BUSY_MS = 5
const ATTEMPTS_MAX = 400

/**
 * Any user can create a pipe with the name of a server that does not run. So the client of a named pipe asks the system for the process
 * behind the name. Call it while a connection is open: as long as there is one, the name belongs to the same server. Undefined without the
 * addon. Rejects with `DENIED`, `UNAVAILABLE`, `PEER_GONE`.
 */
export async function identifyPipeServer(
  path: string,
  native: NativeLoad,
): Promise<IdentifiedPeer | undefined> {
  const pipeServer = 'binding' in native ? native.binding.pipeServer : undefined
  if (pipeServer === undefined) return undefined
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const pid = ask(pipeServer, path)
    if (pid !== undefined) return identified(pid)
    await sleep(BUSY_MS)
  }
  throw new ShmwireError(
    ErrorCode.UNAVAILABLE,
    `the server at ${path} cannot be identified: its pipe was busy ${ATTEMPTS_MAX} times; connect again`,
  )
}

/**
 * Call it before the connection too: a server that receives a byte over a connection of `node:net` can act as this user. Rejects as
 * `identifyPipeServer`, but not without a server, which the connection reports.
 */
export async function refuseForeignServer(path: string, native: NativeLoad): Promise<void> {
  try {
    await identifyPipeServer(path, native)
  } catch (error) {
    if (!(error instanceof ShmwireError && error.code === ErrorCode.PEER_GONE)) throw error
  }
}

function identified(pid: number): IdentifiedPeer {
  const peer = { pid, uid: undefined, gid: undefined, verified: true }
  assumedOwnUser.add(peer)
  return { peer, credentials: undefined }
}

function ask(pipeServer: (path: string) => number | undefined, path: string): number | undefined {
  try {
    return pipeServer(path)
  } catch (error) {
    throw toShmwireError(error, `the server at ${path} cannot be identified`)
  }
}
