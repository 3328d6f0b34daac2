import { markAsUntransferable } from 'node:worker_threads'
import { ErrorCode, ShmwireError } from './errors.js'

/**
 * Several messages are views of `memory`: a transfer of one message must not empty the others. `postMessage` and
 * `structuredClone` refuse to transfer such memory, or copy it, as with the pool of Buffer. Byte streams (BYOB) and
 * `ArrayBuffer.prototype.transfer` do so from Node 24 on; before, they transfer it all the same.
 */
export function markShared(memory: ArrayBufferLike): void {
  markAsUntransferable(memory)
}

/** The error of a channel whose next messages were in memory that a listener has transferred. */
export function memoryTransferred(): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    'a listener transferred the memory of a received message, which the next messages shared, so they are lost; ' +
      'copy a message before you transfer it',
  )
}
