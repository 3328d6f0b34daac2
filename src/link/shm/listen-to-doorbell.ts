import type { NativeBinding } from '../../native/binding.js'
import { runApart } from '../../uncaught.js'
import { openDoorbell } from './doorbell.js'

/** A doorbell that the event loop listens to. */
export interface OpenDoorbell {
  destroy(): void
}

/** Listens to this side's doorbell in the way of the system: `transferred` is a descriptor, or on Windows the handle of an event. */
export function listenToDoorbell(
  { DoorbellWatch }: NativeBinding,
  transferred: number,
  onWake: () => void,
  onError: (error: unknown) => void,
): OpenDoorbell {
  if (DoorbellWatch === undefined) return openDoorbell(transferred, onWake).on('error', onError)
  // Node-API drops an exception of the call, which a listener of the user can throw.
  const watch = new DoorbellWatch(transferred, () => runApart(onWake))
  return { destroy: () => watch.close() }
}
