/**
 * Memory that changes after the current call: the peers' rings of the channels of this thread that deliver in place, and the memory in which
 * records of calls are encoded. A payload that must wait is copied.
 */
export const borrowedMemories = new WeakSet<ArrayBufferLike>()
