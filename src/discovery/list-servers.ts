import { retryWhileQueueIsFull } from '../control/full-queue.js'
import { observeServer } from '../control/observe-server.js'
import { waitWithin } from '../deadline.js'
import { ErrorCode, ShmwireError } from '../errors.js'
import { newAbortController } from '../host.js'
import { log } from '../log/log.js'
import type { WaitOptions } from '../options.js'
import { type DiscoveryOptions, listNames, type Place, type PublishedName, resolvePlace } from './place.js'
import { type ServerInfo, serverInfo } from './server-info.js'

/** Each one uses a descriptor. A directory can contain any number of sockets that never answer. */
const ASKED_AT_ONCE = 128

/**
 * Lists the servers that answer now and that this process may connect to, in the order of their names. The files of dead servers do not
 * count, and neither does a server that is stopped.
 *
 * @throws `INVALID_ARGUMENT`, `DENIED`, `UNAVAILABLE`, `OUT_OF_MEMORY`, `TIMEOUT`, `ABORTED`
 */
export async function listServers(options: DiscoveryOptions & WaitOptions = {}): Promise<ServerInfo[]> {
  const place = resolvePlace(options)
  const { signal, timeoutMs } = options
  return waitWithin<ServerInfo[]>({ signal, timeoutMs }, 'listing the servers', (resolve, reject) => {
    const stopping = newAbortController()
    askAll(place, stopping.signal)
      .finally(() => stopping.abort())
      .then(resolve, reject)
    return () => stopping.abort()
  })
}

async function askAll(place: Place, signal: AbortSignal): Promise<ServerInfo[]> {
  const names = listNames(place)
  const infos = new Map<PublishedName, ServerInfo>()
  const rest = names.values()
  const askRest = async (): Promise<void> => {
    // All loops share the iterator.
    for (const name of rest) {
      if (signal.aborted) return
      const info = await ask(name, place, signal)
      if (info !== undefined) infos.set(name, info)
    }
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, askRest))
  return names.flatMap((name) => infos.get(name) ?? [])
}

/** Undefined: the server does not count. */
async function ask(name: PublishedName, place: Place, signal: AbortSignal): Promise<ServerInfo | undefined> {
  const { path } = name
  const { settings, native, answerTimeoutMs } = place
  try {
    const observation = await retryWhileQueueIsFull(
      path,
      { signal, timeoutMs: answerTimeoutMs },
      (timeoutMs) => observeServer(path, { settings, native, signal, timeoutMs }),
    )
    observation.end()
    return serverInfo(name, observation.peer, observation.description)
  } catch (error) {
    // The list would lack servers that are alive.
    if (!(error instanceof ShmwireError) || error.code === ErrorCode.OUT_OF_MEMORY) throw error
    log(settings.logger, 'server.notListed', () => ({ path, error }))
    return undefined
  }
}
