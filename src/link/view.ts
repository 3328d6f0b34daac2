/**
 * What `Buffer.prototype.subarray` makes its results with: the class behind Buffer, whose constructor is that of
 * Uint8Array. Two and a half times as quick as `subarray`, which is most of the price of receiving a small message.
 */
const BufferView = (Buffer as unknown as { [Symbol.species]: new (...place: Place) => Buffer })[
  Symbol.species
]

type Place = [memory: ArrayBufferLike, offset: number, length: number]

/** A Buffer over a part of `memory`, without a copy. */
export function viewOf(memory: ArrayBufferLike, offset: number, length: number): Buffer {
  return new BufferView(memory, offset, length)
}
