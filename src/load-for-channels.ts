import { type BellFault, probeBell } from './link/shm/bell-probe.js'
import type { NativeBinding, NativeDoorbell } from './native/binding.js'
import { loadBinding, type NativeLoad } from './native/load-binding.js'
import type { Settings } from './options.js'

/** Bun and Deno also call themselves `node` there, and have an entry of their own in `process.versions`. */
const isNode =
  process.release?.name === 'node' && !('bun' in process.versions) && !('deno' in process.versions)

/** Of this thread: it has an event loop of its own. Forgotten when an error ended it. */
let probed: Promise<BellFault | undefined> | undefined

/**
 * Loads the addon. Runtimes other than Node first show, once in each thread, that their event loop reports a doorbell: without
 * one, two sides would agree on shared memory and then never wake up. Node skips that, because it takes a tenth of the
 * first connection's processor time; docs/decisions/0022.
 */
export async function loadForChannels({ transport }: Settings): Promise<NativeLoad> {
  const native = loadBinding()
  if (isNode || !('binding' in native) || transport === 'socket') return native
  const fault = await probeOnce(native.binding)
  return fault === undefined ? native : { binding: native.binding, noMemory: fault.reason }
}

async function probeOnce(binding: NativeBinding): Promise<BellFault | undefined> {
  if (probed === undefined) {
    const bell = newBell(binding)
    if (bell === undefined) return undefined
    probed = probeBell(bell)
  }
  const probe = probed
  const fault = await probe
  // Others may have waited for the same probe, and begun a new one since.
  if (fault?.mayPass === true && probed === probe) probed = undefined
  return fault
}

/** Undefined for want of a descriptor, which says nothing about the runtime; creating the channel reports that. */
function newBell(binding: NativeBinding): NativeDoorbell | undefined {
  try {
    return new binding.Doorbell()
  } catch {
    return undefined
  }
}
