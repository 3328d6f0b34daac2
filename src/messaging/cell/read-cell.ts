import { ErrorCode, ShmwireError } from '../../errors.js'
import { nowMs } from '../../host.js'
import type { NativeBinding } from '../../native/binding.js'
import type { NativeCellReader } from '../../native/messaging-binding.js'
import { toShmwireError } from '../../native/native-error.js'

/** Each try fails only if the writer has set several values during the copy, or a longer one since the one before. */
const TRIES_MAX = 1000
/** Bounds the time that a hostile writer of long values can take: after it, no further try begins. A slow machine has some tries at least. */
const READ_MS_MAX = 50
const TRIES_MIN = 3
const BYTES_MIN = 64

/** An encoded value, in bytes that nothing else uses. */
export interface EncodedValue {
  readonly bytes: Buffer
  readonly version: number
}

/**
 * Copies the newest value out of shared memory. `bytesHint` is the expected length. Throws `CORRUPT`, `OUT_OF_MEMORY`, and `UNAVAILABLE`
 * if the writer sets values faster than they can be copied.
 */
export function readCell(binding: NativeBinding, reader: NativeCellReader, bytesHint: number): EncodedValue {
  let target = allocate(Math.max(BYTES_MIN, bytesHint))
  // Nearly always, the first try succeeds, and the clock is not read.
  let endMs = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    if (tries === 1) endMs = nowMs() + READ_MS_MAX
    if (tries >= TRIES_MIN && nowMs() >= endMs) break
    let length: number
    try {
      length = reader.get(target)
    } catch (error) {
      throw toShmwireError(error, 'the memory of the cell cannot be read')
    }
    if (length > target.length) target = allocate(length)
    else if (length >= 0) {
      const version = reader.results[binding.READER_RESULT_VERSION] as number
      if (version > 0)
        return { bytes: length === target.length ? target : target.subarray(0, length), version }
      throw new ShmwireError(ErrorCode.CORRUPT, 'the cell has no value in its memory')
    }
  }
  throw new ShmwireError(
    ErrorCode.UNAVAILABLE,
    'the writer has set values during each of many attempts to read one; call again later',
  )
}

function allocate(bytes: number): Buffer {
  try {
    return Buffer.allocUnsafe(bytes)
  } catch (cause) {
    throw new ShmwireError(ErrorCode.OUT_OF_MEMORY, `there is no memory for a value of ${bytes} bytes`, {
      cause,
    })
  }
}
