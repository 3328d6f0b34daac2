import { markAsUntransferable } from 'node:worker_threads'
import { ErrorCode, ShmwireError } from './errors.js'

/**
 * Marks memory with several messages, because the transfer of one message must not empty the others. `postMessage` and `structuredClone`
 * then refuse to transfer it or copy it, as with the pool of Buffer. Byte streams (BYOB) and `ArrayBuffer.prototype.transfer` do so only
 * from Node 24 on.
 */
export function markShared(memory: ArrayBufferLike): void {
  markAsUntransferable(memory)
}

/** The error of a channel after a listener has transferred the memory of the next messages. */
export function memoryTransferred(): ShmwireError {
  return new ShmwireError(
    ErrorCode.INVALID_ARGUMENT,
    'a listener transferred the memory of a received message, which the next messages shared, so they are lost; ' +
      'copy a message before you transfer it',
  )
}
