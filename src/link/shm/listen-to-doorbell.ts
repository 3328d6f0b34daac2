import type { NativeBinding } from '../../native/binding.js'
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
  const watch = new DoorbellWatch(transferred, onWake)
  return { destroy: () => watch.close() }
}
