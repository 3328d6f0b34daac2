import { bufferOver } from '../buffer-over.js'
import { clearInterval, setInterval } from '../host.js'
import { isNode } from '../is-node.js'
import type { NativeBinding } from '../native/binding.js'

/** For shorter Buffers, the allocator of Node.js has used pages. */
const POOLED_BYTES_MIN = 128 * 1024

/** Memory that no message has used for one to two of these intervals returns to the system. */
const TRIM_INTERVAL_MS = 1000

/**
 * A Buffer of uninitialized memory for a long message, from the pool of this thread if there is one (docs/decisions/0076). The caller must
 * fill it, because it contains old messages. Throws a RangeError if there is no memory.
 */
export function longBuffer(binding: NativeBinding, bytes: number): Buffer {
  if (bytes >= POOLED_BYTES_MIN && isNode) {
    const memory = binding.takeMemory(bytes)
    if (memory !== undefined) {
      trimLater(binding)
      return bufferOver(memory, 0, bytes)
    }
  }
  return Buffer.allocUnsafeSlow(bytes)
}

const trimmed = new WeakSet<NativeBinding>()

/** Trims the pool until it is empty and unused. Memory that a later garbage collection returns is not kept then. */
function trimLater(binding: NativeBinding): void {
  if (trimmed.has(binding)) return
  trimmed.add(binding)
  const timer = setInterval(() => {
    if (binding.trimMemory()) return
    clearInterval(timer)
    trimmed.delete(binding)
  }, TRIM_INTERVAL_MS)
  timer.unref()
}
