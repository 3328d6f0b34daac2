/** Small records share chunks of this size, and so a system call. */
const CHUNK_BYTES = 64 * 1024

/** Free chunks that a thread keeps: as many as wait at a link of the default capacity. */
const FREE_CHUNKS_MAX = 16

/** Memory for frames. */
export interface WriteChunk {
  readonly bytes: Buffer
  /** Writes of a part of it that are not complete. */
  writes: number
}

/** Bytes that the kernel had no room for, and the functions that wait for it to have them. */
export interface Part {
  bytes: Buffer
  /** Where they lie; `NO_CHUNK` for those that the caller owns. */
  readonly chunk: WriteChunk
  readonly flushed: readonly (() => void)[]
}

/** The kernel has the bytes of a part. */
export function settle(flushed: Part['flushed']): void {
  for (const call of flushed) call()
}

/**
 * Shared by all links of a thread, because a link needs a chunk only until the kernel has its bytes. Memory that was just written is in the
 * cache of the core. Fresh memory is cleared by the kernel page by page, and the garbage collector must find it again.
 */
const free: WriteChunk[] = []

/** The place of a chunk while a link has nothing to send. */
export const NO_CHUNK: WriteChunk = { bytes: Buffer.alloc(0), writes: 0 }

export function takeChunk(): WriteChunk {
  return free.pop() ?? { bytes: Buffer.allocUnsafeSlow(CHUNK_BYTES), writes: 0 }
}

/** The caller has no reference to it any more. */
export function releaseChunk(chunk: WriteChunk): void {
  if (chunk.bytes.length > 0 && free.length < FREE_CHUNKS_MAX) free.push(chunk)
}
