import { parseAddress } from '../address.js'
import type { AnnouncedService } from '../control/description.js'
import { retryWhileQueueIsFull } from '../control/full-queue.js'
import { observeServer } from '../control/observe-server.js'
import { checkServerPlace } from '../control/runtime-directory.js'
import { loadBinding } from '../native/load-binding.js'
import { resolveOptions, type WaitOptions } from '../options.js'

const ANSWER_MS = 10_000

/**
 * The services that the server at the address announces. None on Windows, where a program cannot ask for them. Rejects with the errors of
 * `connect`.
 */
export async function announcedServices(
  address: string,
  { signal, timeoutMs }: WaitOptions,
): Promise<readonly AnnouncedService[]> {
  const target = parseAddress(address)
  if (target.kind !== 'unix') return []
  checkServerPlace(target)
  const asked = { settings: resolveOptions({}), native: loadBinding(), signal }
  const observation = await retryWhileQueueIsFull(
    target.path,
    { signal, timeoutMs: timeoutMs ?? ANSWER_MS },
    (leftMs) => observeServer(target.path, { ...asked, timeoutMs: leftMs }),
  )
  observation.end()
  return observation.description.services
}

/** A service in a sentence. */
export function titleOf(service: string): string {
  return service === '' ? 'service without a name' : `service '${service}'`
}
