import { isNode } from './is-node.js'
import { type DoorbellFault, probeDoorbell } from './link/shm/doorbell-probe.js'
import type { NativeBinding, NativeDoorbell } from './native/binding.js'
import { loadBinding, type NativeLoad } from './native/load-binding.js'
import type { Settings } from './options.js'

/** The probe of this thread, because each thread has its own event loop. Dropped after a passing error. */
let probed: Promise<DoorbellFault | undefined> | undefined

/**
 * Loads the addon. In other runtimes than Node it first checks, once for each thread, that the event loop reports a doorbell. Otherwise two
 * sides would agree on shared memory and then never wake up. Node skips this check, because it takes a tenth of the processor time of the
 * first connection (docs/decisions/0022).
 */
export async function loadForChannels({ transport }: Pick<Settings, 'transport'>): Promise<NativeLoad> {
  const native = loadBinding()
  if (isNode || !('binding' in native) || transport === 'socket') return native
  // On Windows the event loop watches nothing of ours.
  if (native.binding.DoorbellWatch !== undefined) return native
  const fault = await probeOnce(native.binding)
  return fault === undefined ? native : { ...native, noMemory: fault.reason }
}

async function probeOnce(binding: NativeBinding): Promise<DoorbellFault | undefined> {
  if (probed === undefined) {
    const doorbell = newDoorbell(binding)
    if (doorbell === undefined) return undefined
    probed = probeDoorbell(doorbell)
  }
  const probe = probed
  const fault = await probe
  // Another caller can have started a new probe meanwhile.
  if (fault?.mayPass === true && probed === probe) probed = undefined
  return fault
}

/** Undefined if no descriptor is left, which the creation of the channel reports. It proves nothing about the runtime. */
function newDoorbell(binding: NativeBinding): NativeDoorbell | undefined {
  try {
    return new binding.Doorbell()
  } catch {
    return undefined
  }
}
